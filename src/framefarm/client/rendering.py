"""Rendering a .blend on a farm: reading it, handing it in, making the job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from framefarm.client.errors import MissingLinksError
from framefarm.client.handing_in import hand_in_blend
from framefarm.client.submissions import RenderRequest, Submission
from framefarm.client.views import JobView, Requires

if TYPE_CHECKING:
    from framefarm.client.farm import Farm

BlendPath = str | os.PathLike[str]


class RenderOptions(TypedDict, total=False):
    """How to render, and whose it is. What is left out is as the file, or the farm, has it.

    Attributes:
        frames: Such as `1-250,300,310-400x5`; those of the shot, else of the file, if left out.
        scene, camera: By name.
        engine: `cycles`, `eevee` or `workbench`.
        samples: Per pixel.
        resolution: `1920x1080`, or a share of the scene's such as `50%`.
        format: `PNG`, `JPEG`, `EXR`, ...
        movie: `mp4`, `mkv`, `webm`, `mov` or `none`.
        order: `sequential`, or `spread`: every Nth frame first, then those between.
        threads: Processor threads of each worker.
        blender: A version, such as `4.5`.
        allow_scripts: Run Python inside the file.
        persistent_data: Keep the scene between frames; faster, needs more memory.
        strict: Refuse a file whose textures or libraries are missing.
        name: Of the job; the file's without its ending, if left out.
        project, sequence, shot: Where it belongs; with a shot it is the next version of that.
        priority: 0 to 100, the highest first; that of the shot, else 50, if left out.
        owner: Whose job it is; only admins, and the manager's own machine, say another.
        max_workers: Slots that may work on it at a time; any number, if left out.
        deadline: When it is to be done, ISO 8601 with its zone.
        requires: Which workers may do it.
        fingerprint: An equal one finds the job made before instead of making another.
    """

    frames: str
    scene: str
    camera: str
    engine: str
    samples: int
    resolution: str
    format: str
    movie: str
    order: str
    threads: int
    blender: str
    allow_scripts: bool
    persistent_data: bool
    strict: bool
    name: str
    project: str
    sequence: str
    shot: str
    priority: int
    owner: str
    max_workers: int
    deadline: str
    requires: Requires
    fingerprint: str


_OF_THE_JOB = (
    "name",
    "project",
    "sequence",
    "shot",
    "priority",
    "owner",
    "max_workers",
    "deadline",
    "requires",
    "fingerprint",
)


def render_blend(farm: Farm, blend: BlendPath, options: RenderOptions) -> JobView:
    """Hand a .blend in with all files that it links; the job that was made of it.

    Raises:
        BlendFileError: It is none, or damaged.
        MissingLinksError: `strict`, and a file that it links is not there.
        FarmAnswerError: It was refused; `detail` says why.
        OSError: The file is not there, or cannot be read.
    """
    from framefarm.blender.blendfile import read_blend  # noqa: PLC0415  slow, not always needed

    path = Path(blend)
    # Asked first: reading and hashing a large file for a manager that is not there is no service.
    farm.health()
    found = read_blend(path)
    if options.get("strict") and found.missing:
        raise MissingLinksError(path, [link.path for link in found.missing])
    of_the_job = {key: value for key, value in options.items() if key in _OF_THE_JOB}
    how = {key: value for key, value in options.items() if key not in _OF_THE_JOB}
    settings = RenderRequest(**how)  # type: ignore[arg-type]  # its fields are those of the options
    ref = hand_in_blend(farm, path, found).ref
    made = {"name": path.stem or path.name, **of_the_job}
    return farm.submit(Submission(kind="render", settings=settings, blend=ref, **made))  # type: ignore[arg-type]
