"""Jobs and their stages as the API shows them. Times are ISO 8601, UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row

from framefarm.core.estimate import Estimate, time_left
from framefarm.core.states import ENDED_JOBS, JobState
from framefarm.farm.holding import is_held
from framefarm.farm.job_pages import JobFilter, Sort, job_page
from framefarm.farm.memberships import JobSession, sessions_of_jobs
from framefarm.farm.outputs import folder_name
from framefarm.farm.pulse import Pulse
from framefarm.farm.roster import Roster
from framefarm.farm.settings import ManagerSettings
from framefarm.farm.stage_rows import stages_of
from framefarm.farm.steering import NoSuchStageError, find_job
from framefarm.farm.whole_estimates import WholeEstimates, units_left, whole


@dataclass(frozen=True)
class EstimateView:
    """Seconds left: it will hardly be less than `low_s` or more than `high_s`."""

    low_s: float
    likely_s: float
    high_s: float


@dataclass(frozen=True)
class StageView:
    """A stage and its counters, which count units; each is in one of the last six places.

    Attributes:
        priority: When it gets its turn; the job's unless it was given its own.
        total: All units, also those that wait for an earlier stage.
        waiting: Those that wait for an earlier stage.
        progress: How much of it is done, from 0 to 1.
        seconds: Spent on what is done, over all workers.
        estimate: In how long it ends; None when that is not known, or it has ended.
    """

    id: int
    job: int
    kind: str
    state: str
    priority: int
    total: int
    waiting: int
    pending: int
    running: int
    done: int
    failed: int
    cancelled: int
    progress: float
    seconds: float
    estimate: EstimateView | None


@dataclass(frozen=True)
class StageList:
    """All stages of a job, in their order."""

    stages: list[StageView]


@dataclass(frozen=True)
class SlowestView:
    """The unit of the first stage that took longest."""

    unit: int
    seconds: float


@dataclass(frozen=True)
class RequiresView:
    """What a job asks of workers; `pool` is the least trusted one that may have it."""

    pool: str
    tags: list[str]
    min_memory_bytes: int
    gpu: bool


@dataclass(frozen=True)
class JobView:
    """A job with its stages.

    Attributes:
        version: Its number among those of its shot.
        frames_per_minute: Lately; None once it has ended.
        session: The workers that it has for itself, where it asked for some.
    """

    id: int
    name: str
    project: str
    sequence: str
    shot: str
    shot_id: int | None
    version: int | None
    kind: str
    state: str
    priority: int
    owner: str
    max_workers: int | None
    deadline: str | None
    late: bool
    requires: RequiresView
    created_at: str
    started_at: str | None
    finished_at: str | None
    message: str
    tried_again_at: str | None
    warnings: list[str]
    stages: list[StageView]
    frames_per_minute: float | None
    estimate: EstimateView | None
    render_seconds: float
    slowest: SlowestView | None
    peak_memory_bytes: int
    settings: dict[str, Any]
    outputs_dir: str
    session: JobSession | None


@dataclass(frozen=True)
class JobList:
    """A page of jobs. `next` is the cursor of the following page."""

    jobs: list[JobView]
    next: int | str | None


def iso(at: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()


def tried_again_at(job: Row[Any]) -> str | None:
    """When a job that is held is tried again; nothing while it is, and of others."""
    return iso(job.try_at) if is_held(job) else None


_REMEMBERED = 2_000
"""Jobs that have ended whose views are kept: lists are full of them, and making one of a view takes
five times as long as seeing that nothing of it has changed. They are kept when they are made the
second time: of whoever leafs through ten thousand jobs nothing is, which the garbage collector
would have to look through."""


class JobViews:
    """Makes job views.

    Args:
        settings: The manager's.
        pulse: Recent speeds.
        roster: Who could work.
    """

    def __init__(self, settings: ManagerSettings, pulse: Pulse, roster: Roster) -> None:
        self._settings = settings
        self._outputs = str(settings.outputs)
        self._known: dict[int, tuple[Any, list[Any], JobView]] = {}
        self._seen: set[int] = set()
        self._pulse = pulse
        self._roster = roster

    def one(self, connection: Connection, job_id: int) -> JobView:
        """A job.

        Raises:
            NoSuchJobError: There is no such job.
        """
        job = find_job(connection, job_id)
        return self._views(connection, [job])[0]

    def page(
        self,
        connection: Connection,
        wanted: JobFilter,
        *,
        sort: Sort = "-id",
        cursor: str = "",
        limit: int,
    ) -> JobList:
        """Those jobs that match; see `job_page`."""
        rows, following = job_page(connection, wanted, sort=sort, cursor=cursor, limit=limit)
        return JobList(self._views(connection, rows), following)

    def stage(self, connection: Connection, job_id: int, kind: str) -> StageView:
        """One stage of a job.

        Raises:
            NoSuchJobError: There is no such job.
            NoSuchStageError: It has no stage of that kind.
        """
        stages = self.one(connection, job_id).stages
        for stage in stages:
            if stage.kind == kind:
                return stage
        raise NoSuchStageError(job_id, kind, [stage.kind for stage in stages])

    def _views(self, connection: Connection, jobs: Sequence[Row[Any]]) -> list[JobView]:
        ids = [job.id for job in jobs]
        stages = stages_of(connection, ids)
        estimates = WholeEstimates(connection, self.time_left, self._slots)
        sessions = sessions_of_jobs(connection, ids)
        return [
            self._at_rest(job, stages[job.id], sessions.get(job.id))
            or self._view(job, stages[job.id], estimates, sessions.get(job.id))
            for job in jobs
        ]

    def _at_rest(self, job: Any, stages: list[Any], session: JobSession | None) -> JobView | None:
        """The view of a job that has ended, the same as long as its rows are."""
        if job.state not in ENDED_JOBS or session is not None:
            return None
        known = self._known.get(job.id)
        if known is not None and known[0] == job and known[1] == stages:
            return known[2]
        return None

    def _view(
        self,
        job: Row[Any],
        stages: list[Row[Any]],
        estimates: WholeEstimates,
        session: JobSession | None,
    ) -> JobView:
        first = stages[0]
        running, ended = job.state == JobState.RUNNING, job.state in ENDED_JOBS
        ends = estimates.ends(stages) if running else [None] * len(stages)
        view = JobView(
            id=job.id,
            name=job.name,
            project=job.project,
            sequence=job.sequence,
            shot=job.shot,
            shot_id=job.shot_id,
            version=job.version,
            kind=job.kind,
            state=job.state,
            priority=job.priority,
            owner=job.owner,
            max_workers=job.max_workers,
            deadline=iso(job.deadline_at),
            late=job.raised > 0 and job.finished_at is None,
            requires=RequiresView(job.pool, job.tags, job.min_memory_bytes, job.gpu),
            created_at=iso(job.created_at) or "",
            started_at=iso(job.started_at),
            finished_at=iso(job.finished_at),
            message=job.message,
            tried_again_at=tried_again_at(job),
            warnings=job.warnings,
            stages=[_stage_view(job, *one) for one in zip(stages, ends, strict=True)],
            frames_per_minute=None if ended else self._pulse.per_minute(first.id),
            estimate=_shown(whole(ends)),
            render_seconds=first.seconds,
            slowest=SlowestView(first.slowest_unit, first.slowest_s)
            if first.slowest_unit is not None
            else None,
            peak_memory_bytes=first.peak_memory_bytes,
            settings={**job.settings, "blender": first.blender},
            outputs_dir=folder_name(self._outputs, job, flat=self._settings.flat_outputs),
            session=session,
        )
        if ended and session is None:
            self._remember(job, stages, view)
        return view

    def _remember(self, job: Any, stages: list[Any], view: JobView) -> None:
        # Two threads may be here at once; what one of them forgets is made again.
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        if job.id in self._seen:
            self._known[job.id] = (job, stages, view)
        self._seen.add(job.id)

    def _slots(self, _: Connection, stage: Row[Any]) -> int:
        """How many slots do what a stage needs: all of them may come to it."""
        return max(1, self._roster.peers(frozenset({stage.kind})))

    def time_left(self, stage: Row[Any], slots: int) -> Estimate | None:
        """How long a stage still takes with so many slots; None when that is not known."""
        if not stage.done:
            return None
        recent = self._pulse.seconds(stage.id) or [stage.seconds / stage.done]
        return time_left(
            recent,
            pending=stage.pending,
            running_s=self._pulse.running_s(stage.id, stage.leased),
            slots=slots,
        )


def _stage_view(job: Row[Any], stage: Row[Any], end: Estimate | None) -> StageView:
    left = units_left(stage)
    return StageView(
        id=stage.id,
        job=job.id,
        kind=stage.kind,
        state=stage.state,
        priority=stage.priority - job.raised,
        total=stage.total,
        waiting=left - stage.pending - stage.leased,
        pending=stage.pending,
        running=stage.leased,
        done=stage.done,
        failed=stage.failed,
        cancelled=stage.cancelled,
        progress=stage.done / stage.total,
        seconds=stage.seconds,
        estimate=_shown(end) if left else None,
    )


def _shown(estimate: Estimate | None) -> EstimateView | None:
    if estimate is None:
        return None
    return EstimateView(estimate.low_s, estimate.likely_s, estimate.high_s)
