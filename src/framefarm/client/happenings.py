"""What happens on a whole farm, as it happens."""

from __future__ import annotations

from datetime import datetime

import msgspec

from framefarm.client.events import StreamedEvent
from framefarm.client.reading import read_json


class BeginHappening(msgspec.Struct, frozen=True):
    """The manager is there, and what happens from now on is told."""


class JobHappening(msgspec.Struct, frozen=True):
    """A job is new or changed; `done`, `failed` and `total` count the units of all its stages.

    `state` may also be `deleted`, and then the rest is not told.
    """

    at: datetime
    job: int
    state: str
    name: str = ""
    owner: str = ""
    priority: int = 0
    message: str = ""
    shot_id: int | None = None
    version: int | None = None
    done: int = 0
    failed: int = 0
    total: int = 0


class UnitHappening(msgspec.Struct, frozen=True):
    """A unit of a job is done, is tried again (`retry`), or failed for good."""

    at: datetime
    job: int
    kind: str
    unit: int
    state: str
    worker: str = ""
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    message: str = ""


class WorkerHappening(msgspec.Struct, frozen=True):
    """A worker came, went, or was changed: `online`, or a state in which it gets no work."""

    at: datetime
    worker: str
    id: str
    state: str
    reason: str = ""


class SessionHappening(msgspec.Struct, frozen=True):
    """Something happened in the session of a job.

    Attributes:
        what: A worker `joined`, `left`, was `released`, got its files (`files`) or could not
            (`no_files`), `started` with the
            job, finished a `frame`, or its `share`; or the job is `complete`.
        worker, id: Which; empty where it is all of them, `workers`.
        unit: The frame.
        reason: For people.
    """

    at: datetime
    session: int
    job: int
    what: str
    worker: str = ""
    id: str = ""
    kind: str = ""
    unit: int | None = None
    reason: str = ""
    workers: tuple[str, ...] = ()


class ShotHappening(msgspec.Struct, frozen=True):
    """A shot was made, changed or deleted, or a version of it is done.

    Attributes:
        what: `made`, `changed`, `deleted` or `version_done`.
        owner: Who made the shot, or whose the job is.
        version, job: What is done.
    """

    at: datetime
    shot: int
    path: str
    what: str
    status: str = ""
    frames: str | None = None
    priority: int | None = None
    owner: str = ""
    version: int | None = None
    job: int | None = None


class GapHappening(msgspec.Struct, frozen=True):
    """Some of what happened is lost: read anew what you follow."""

    message: str = ""


Happening = (
    BeginHappening
    | JobHappening
    | UnitHappening
    | WorkerHappening
    | SessionHappening
    | ShotHappening
    | GapHappening
)
KINDS: dict[str, type[Happening]] = {
    "begin": BeginHappening,
    "job": JobHappening,
    "unit": UnitHappening,
    "worker": WorkerHappening,
    "session": SessionHappening,
    "shot": ShotHappening,
    "gap": GapHappening,
}
"""By the names that they have in the stream."""


def decode_happening(event: StreamedEvent) -> Happening | None:
    """Turn an event into its type; None for one this version does not know.

    Raises:
        msgspec.DecodeError: The data is not what that event carries.
    """
    kind = KINDS.get(event.name)
    return read_json(event.data, kind) if kind is not None else None
