"""Steering a job: cancelling, pausing, resuming it, and changing its priority.

Asking for what is so already changes nothing and is no error: a command that was sent twice,
because its first answer was lost, must not fail.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.states import JOB, JobEvent, JobState, StageState, advance
from framefarm.db import Prepared, database_now
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.limits import settle_limit
from framefarm.farm.news import LostLease, News
from framefarm.farm.redo_wishes import forget_wishes
from framefarm.farm.requeue import end_leases
from framefarm.farm.settling import refresh_claimable


class NoSuchJobError(FrameFarmError):
    """There is no job with that number."""

    code = "no_such_job"

    def __init__(self, job_id: int) -> None:
        super().__init__(f"There is no job {job_id}; `framefarm jobs` lists those there are.")
        self.job_id = job_id


class NoSuchStageError(FrameFarmError):
    """A job has no stage of that kind."""

    code = "no_such_stage"

    def __init__(self, job_id: int, kind: str, kinds: list[str]) -> None:
        there = ", ".join(kinds)
        super().__init__(f"Job {job_id} has no stage {kind!r}; it has: {there}.")


_JOB = Prepared(select(t.jobs).where(t.jobs.c.id == bindparam("job")))
_STATE = Prepared(select(t.jobs.c.state).where(t.jobs.c.id == bindparam("job")))


def find_job(connection: Connection, job_id: int) -> Any:
    """A job's row.

    Raises:
        NoSuchJobError: There is no such job.
    """
    for job in _JOB.rows(connection, job=job_id):
        return job
    raise NoSuchJobError(job_id)


def job_state(connection: Connection, job_id: int) -> JobState:
    """A job's state.

    Raises:
        NoSuchJobError: There is no such job.
    """
    for (state,) in _STATE.rows(connection, job=job_id):
        return JobState(state)
    raise NoSuchJobError(job_id)


def cancel(connection: Connection, job_id: int) -> News:
    """Cancel a job: nothing of it is leased any more, what is being worked on is revoked.

    Raises:
        NoSuchJobError: There is no such job.
        IllegalMoveError: It is done already.
    """
    state = job_state(connection, job_id)
    if state is JobState.CANCELLED:
        return News()
    advance(JOB, state, JobEvent.CANCEL, which=f"job {job_id}")
    now = database_now(connection)
    news = News(jobs={job_id})
    connection.execute(
        update(t.jobs)
        .where(t.jobs.c.id == job_id, t.jobs.c.state == state)
        .values(state=JobState.CANCELLED, finished_at=now, message="Cancelled.")
    )
    # What was to be made anew and has its result still, keeps it.
    forget_wishes(connection, stage_ids(connection, job_id))
    for stage in connection.execute(select(t.stages).where(t.stages.c.job_id == job_id)).all():
        _cancel_stage(connection, stage, news)
    return news


def _cancel_stage(connection: Connection, stage: Row[Any], news: News) -> None:
    leases = connection.execute(
        select(t.leases.c.id, t.leases.c.worker_id).where(
            t.leases.c.stage_id == stage.id, t.leases.c.state == "active"
        )
    ).all()
    news.lost += [LostLease(row.id, row.worker_id, "the job was cancelled") for row in leases]
    connection.execute(delete(t.spans).where(t.spans.c.stage_id == stage.id))
    connection.execute(delete(t.inputs).where(t.inputs.c.stage_id == stage.id))
    # They stay, ended: the job may be put back to work, and then what was rendered counts (L6).
    connection.execute(
        update(t.leases).where(t.leases.c.stage_id == stage.id).values(state="ended")
    )
    ended = stage.state in {StageState.DONE, StageState.FAILED}
    connection.execute(
        update(t.stages)
        .where(t.stages.c.id == stage.id)
        .values(
            pending=0,
            leased=0,
            claimable=False,
            on_trial=False,
            cancelled=stage.total - stage.done - stage.failed,
            state=stage.state if ended else StageState.CANCELLED,
        )
    )


def pause(connection: Connection, catalog: Catalog, job_id: int, *, at_once: bool = False) -> News:
    """Give out no more of a job; `resume` goes on with it.

    Args:
        at_once: Also take back what is being worked on; nobody is blamed for it.

    Raises:
        NoSuchJobError: There is no such job.
        IllegalMoveError: It has ended.
    """
    state = job_state(connection, job_id)
    if state is not JobState.PAUSED:
        _move(connection, job_id, state, JobEvent.PAUSE)
    else:
        _say_nothing(connection, job_id)  # held no more: it waits for who paused it
    news = News(jobs={job_id})
    if at_once:
        rows = connection.execute(
            select(t.leases).where(
                t.leases.c.stage_id.in_(stage_ids(connection, job_id)),
                t.leases.c.state == "active",
            )
        ).all()
        now, why = database_now(connection), "the job was paused"
        news.add(end_leases(connection, catalog, rows, reason=why, now=now, lost=False))
    refresh_claimable(connection, stage_ids(connection, job_id))
    return news


def resume(connection: Connection, job_id: int) -> News:
    """Go on with a paused job.

    Raises:
        NoSuchJobError: There is no such job.
        IllegalMoveError: It has ended.
    """
    state = job_state(connection, job_id)
    if state in (JobState.QUEUED, JobState.RUNNING):
        return News()
    state = _move(connection, job_id, state, JobEvent.RESUME)
    _say_nothing(connection, job_id)
    if _is_worked_on(connection, job_id):
        _move(connection, job_id, state, JobEvent.START)
    refresh_claimable(connection, stage_ids(connection, job_id))
    return News(jobs={job_id}, work=True)


def _say_nothing(connection: Connection, job_id: int) -> None:
    """Forget why a job was held; what failed so far does not hold it again."""
    forgotten = {"message": "", "holds": 0, "try_at": None, "held_at": database_now(connection)}
    connection.execute(update(t.jobs).where(t.jobs.c.id == job_id).values(**forgotten))
    stages = t.stages.c.id.in_(stage_ids(connection, job_id))
    connection.execute(update(t.stages).where(stages).values(on_trial=False))


def _is_worked_on(connection: Connection, job_id: int) -> bool:
    leased = select(t.stages.c.id).where(t.stages.c.job_id == job_id, t.stages.c.leased > 0)
    return connection.execute(leased.limit(1)).first() is not None


def prioritize(
    connection: Connection, job_id: int, priority: int, *, kind: str | None = None
) -> News:
    """Change when a job, or one stage of it, gets its turn. What is leased already stays leased.

    Args:
        priority: 0 to 100; the highest goes first.
        kind: Only the stages of this kind; the job keeps its own priority.

    Raises:
        NoSuchJobError: There is no such job.
        NoSuchStageError: It has no stage of that kind.
    """
    job_state(connection, job_id)
    raised = select(t.jobs.c.raised).where(t.jobs.c.id == job_id).scalar_subquery()
    stages = update(t.stages).where(t.stages.c.job_id == job_id).values(priority=priority + raised)
    if kind is None:
        connection.execute(update(t.jobs).where(t.jobs.c.id == job_id).values(priority=priority))
        connection.execute(stages)
    elif connection.execute(stages.where(t.stages.c.kind == kind)).rowcount == 0:
        raise NoSuchStageError(job_id, kind, _kinds(connection, job_id))
    return News(jobs={job_id})


def limit(connection: Connection, job_id: int, max_workers: int | None) -> News:
    """Change how many slots may work on a job at a time. What is leased already stays leased.

    Args:
        max_workers: None for any number.

    Raises:
        NoSuchJobError: There is no such job.
    """
    job_state(connection, job_id)
    for table, id_ in ((t.jobs, t.jobs.c.id), (t.stages, t.stages.c.job_id)):
        connection.execute(update(table).where(id_ == job_id).values(max_workers=max_workers))
    settle_limit(connection, job_id)
    return News(jobs={job_id}, work=True)


def _kinds(connection: Connection, job_id: int) -> list[str]:
    kinds = select(t.stages.c.kind).where(t.stages.c.job_id == job_id)
    return list(connection.execute(kinds.order_by(t.stages.c.position)).scalars())


def _move(connection: Connection, job_id: int, state: JobState, event: JobEvent) -> JobState:
    follows = advance(JOB, state, event, which=f"job {job_id}")
    connection.execute(
        update(t.jobs).where(t.jobs.c.id == job_id, t.jobs.c.state == state).values(state=follows)
    )
    return follows


def stage_ids(connection: Connection, job_id: int) -> list[int]:
    """The ids of a job's stages, in order."""
    ids = select(t.stages.c.id).where(t.stages.c.job_id == job_id).order_by(t.stages.c.position)
    return list(connection.execute(ids).scalars())
