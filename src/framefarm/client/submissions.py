"""What a client asks of the manager when it submits a job."""

from __future__ import annotations

import msgspec

from framefarm.client.views import Requires


class BlendRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """The .blend to render; its bytes were uploaded before.

    Attributes:
        source_path: Where it lies on the submitting machine, so that a worker there can open it in
            place and its relative links resolve.
        tree: SHA-256 of the list of its project's files, where it needs more than itself.
        missing: Linked files that the submitting machine does not have.
    """

    sha256: str
    name: str
    source_path: str = ""
    missing: tuple[str, ...] = ()
    tree: str | None = None


class RenderRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """How to render. What is None is left as the file has it."""

    frames: str | None = None
    scene: str | None = None
    camera: str | None = None
    engine: str | None = None
    samples: int | None = None
    resolution: str | None = None
    format: str | None = None
    movie: str | None = None
    order: str | None = None
    threads: int | None = None
    blender: str | None = None
    allow_scripts: bool = False
    persistent_data: bool = True
    strict: bool = False


class TrialRequest(msgspec.Struct, frozen=True):
    """Work that only tries the farm's plumbing."""

    units: str
    seconds: float = 0.2
    image_bytes: int = 0


class Submission(msgspec.Struct, frozen=True, omit_defaults=True):
    """One job to be.

    Attributes:
        project, sequence, shot: Where it belongs; with a shot it is the next version of that.
        priority: None for that of the shot, else 50.
        fingerprint: An equal one finds the job made before instead of making another.
        owner: Whose job it is; owners share the farm's slots.
        max_workers: Slots that may work on it at a time.
        deadline: When it is to be done, ISO 8601 with its zone.
        requires: What it asks of workers.
    """

    kind: str
    settings: RenderRequest | TrialRequest
    blend: BlendRef | None = None
    name: str | None = None
    project: str | None = None
    sequence: str | None = None
    shot: str | None = None
    priority: int | None = None
    fingerprint: str | None = None
    owner: str | None = None
    max_workers: int | None = None
    deadline: str | None = None
    requires: Requires = Requires()
