"""What the manager tells about its jobs, units, files and workers.

Fields that a manager leaves out get their defaults and those it adds are ignored, so that client
and manager need not be updated in the same minute. Times are aware UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

JobState = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
FINAL_STATES = frozenset({"done", "failed", "cancelled"})


class Health(msgspec.Struct, frozen=True):
    """That a manager is there, and which."""

    version: str
    farm: str = ""
    epoch: str = ""
    protocol: int = 0


class Estimate(msgspec.Struct, frozen=True):
    """How much longer something takes, in seconds: probably `likely_s`, hardly outside the others.

    Of a job it is that of all its stages, the movie as well.
    """

    low_s: float
    likely_s: float
    high_s: float


class Stage(msgspec.Struct, frozen=True):
    """One step of a job. Counts are units; `total` is those of all states.

    Attributes:
        priority: When it gets its turn; the job's unless it was given its own.
        waiting: Units that wait for an earlier stage.
        pending: Units that wait for a worker.
        progress: How much of it is done, from 0 to 1.
        seconds: Spent on what is done, over all workers.
        estimate: In how long it ends; None when that is not known, or it has ended.
    """

    id: int
    kind: str
    state: str
    total: int = 0
    done: int = 0
    failed: int = 0
    running: int = 0
    job: int = 0
    priority: int = 50
    waiting: int = 0
    pending: int = 0
    cancelled: int = 0
    progress: float = 0.0
    seconds: float = 0.0
    estimate: Estimate | None = None


class StageList(msgspec.Struct, frozen=True):
    """All stages of a job, in their order."""

    stages: tuple[Stage, ...]


class SlowestUnit(msgspec.Struct, frozen=True):
    """The unit of the first stage that took longest."""

    unit: int
    seconds: float


class Requires(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a job asks of workers.

    Attributes:
        pool: The least trusted pool whose workers may have it: `own`, `friends` or `public`.
        tags: All of these a worker must carry.
        min_memory_bytes: Least memory for a unit.
        gpu: Whether frames must be rendered on a GPU.
    """

    pool: str = "own"
    tags: tuple[str, ...] = ()
    min_memory_bytes: int = 0
    gpu: bool = False


class JobSession(msgspec.Struct, frozen=True):
    """The workers that a job has for itself, in short; `Farm.session` tells more.

    Attributes:
        wanted: How many it asked for in all.
        workers: How many it has.
        waiting: Whether nothing of the job is given out before it has all.
    """

    id: int
    wanted: int = 0
    workers: int = 0
    waiting: bool = False


class JobView(msgspec.Struct, frozen=True):
    """One job as it is now.

    Attributes:
        shot_id: The shot that it belongs to, if any.
        version: Its number among those of its shot.
        message: Why it failed, or is held though nobody paused it; empty otherwise.
        tried_again_at: When a job that is held is tried again by itself; nothing while it is.
        warnings: What its customer should know though it goes on.
        render_seconds: Sum over all finished frames.
        settings: What was asked for, with everything left open filled in.
        outputs_dir: Where its files appear on the manager's machine.
        session: The workers that it has for itself, where it asked for some.
    """

    id: int
    state: JobState
    kind: str = "render"
    name: str = ""
    project: str | None = None
    sequence: str | None = None
    shot: str | None = None
    shot_id: int | None = None
    version: int | None = None
    priority: int = 50
    owner: str = ""
    max_workers: int | None = None
    deadline: datetime | None = None
    late: bool = False
    requires: Requires = Requires()
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    message: str | None = None
    tried_again_at: datetime | None = None
    warnings: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    frames_per_minute: float | None = None
    estimate: Estimate | None = None
    render_seconds: float = 0.0
    slowest: SlowestUnit | None = None
    peak_memory_bytes: int | None = None
    settings: dict[str, Any] = {}
    outputs_dir: str | None = None
    session: JobSession | None = None

    def stage(self, *kinds: str) -> Stage | None:
        """The first stage of one of these kinds, None when the job has none."""
        return next((stage for stage in self.stages if stage.kind in kinds), None)

    @property
    def place(self) -> str:
        """Where it belongs, as people write it: `Film/sq01/010`; empty where it says nothing."""
        return "/".join(part for part in (self.project, self.sequence, self.shot) if part)

    @property
    def main_stage(self) -> Stage | None:
        """The stage people mean when they ask how far a job is."""
        return self.stage("render", "trial")

    @property
    def finished(self) -> bool:
        """Whether nothing more happens to the job by itself."""
        return self.state in FINAL_STATES


class JobPage(msgspec.Struct, frozen=True):
    """Some jobs, newest first. `next` is the cursor of the following page."""

    jobs: tuple[JobView, ...]
    next: str | int | None = None


class SteeredJob(msgspec.Struct, frozen=True):
    """What became of one of the jobs with which something was done.

    Attributes:
        state: In which it is then; empty where it is not there.
        outcome: `done`, `unchanged` (it was so already) or `refused`.
        message: The same for people.
    """

    id: int
    name: str
    state: str
    outcome: str
    message: str


class SteeredJobs(msgspec.Struct, frozen=True):
    """What became of each job."""

    jobs: tuple[SteeredJob, ...]


class FileView(msgspec.Struct, frozen=True):
    """One file that a unit made. `name` is relative, with forward slashes."""

    name: str
    role: str
    sha256: str
    size_bytes: int
    unit: int | None = None


class FilePage(msgspec.Struct, frozen=True):
    """Some files of a job."""

    files: tuple[FileView, ...]
    next: str | int | None = None


class UnitView(msgspec.Struct, frozen=True):
    """What became of one unit."""

    unit: int
    state: str
    attempt: int = 0
    seconds: float | None = None
    peak_memory_bytes: int | None = None
    worker: str | None = None
    device: str | None = None
    blender: str | None = None
    finished_at: datetime | None = None
    message: str | None = None
    files: tuple[FileView, ...] = ()


class FrameView(msgspec.Struct, frozen=True):
    """A frame of a job.

    Attributes:
        at: When it was done, failed or given out.
        path: Where the manager has put its image.
        image, thumbnail, log: Where to ask the manager for them; None where there is none.
        message: Why it failed.
    """

    frame: int
    state: str
    job: int
    project: str = ""
    sequence: str = ""
    shot: str = ""
    shot_id: int | None = None
    attempt: int | None = None
    at: str | None = None
    seconds: float | None = None
    worker: str | None = None
    device: str | None = None
    blender: str | None = None
    peak_memory_bytes: int | None = None
    path: str | None = None
    image: str | None = None
    thumbnail: str | None = None
    log: str | None = None
    message: str = ""


class FramePage(msgspec.Struct, frozen=True):
    """Some frames of a job. `next` is the cursor of the following page."""

    frames: tuple[FrameView, ...]
    next: int | None = None


class UnitPage(msgspec.Struct, frozen=True):
    """Some units of a job, ascending."""

    units: tuple[UnitView, ...]
    next: str | int | None = None


class WorkerReason(msgspec.Struct, frozen=True):
    """Where one worker stands with a job.

    Attributes:
        able: Whether it will work on it some time, as things are.
        reasons: Why no (other) slot of it works on it.
    """

    worker: str
    state: str = ""
    working: bool = False
    able: bool = False
    reasons: tuple[str, ...] = ()


class Why(msgspec.Struct, frozen=True):
    """Why a job is not running, or not on more workers.

    Attributes:
        stuck: Whether nothing of it is in work and, as things are, no worker will ever take it up.
        held: Whether it is paused by nobody, but because all that was tried of it failed alike.
        tried_again_at: When it is tried again by itself; nothing while it is.
    """

    job: int
    state: str = ""
    answer: str = ""
    stuck: bool = False
    stages: tuple[str, ...] = ()
    workers: tuple[WorkerReason, ...] = ()
    held: bool = False
    tried_again_at: datetime | None = None


class MissingChunks(msgspec.Struct, frozen=True):
    """What of a file the manager lacks."""

    missing: tuple[str, ...]
