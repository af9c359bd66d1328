"""Cancelling a job, and putting its failed or cancelled units back to work."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.spans import Spans
from framefarm.core.states import JOB, STAGE, JobEvent, JobState, StageEvent, StageState, advance
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog, JobFacts, StageFacts
from framefarm.farm.news import LostLease, News
from framefarm.farm.settling import end_what_is_done, make_pending, refresh_claimable


class NoSuchJobError(FrameFarmError):
    """There is no job with that number."""

    code = "no_such_job"

    def __init__(self, job_id: int) -> None:
        super().__init__(f"There is no job {job_id}; `framefarm jobs` lists those there are.")
        self.job_id = job_id


def job_state(connection: Connection, job_id: int) -> JobState:
    """A job's state.

    Raises:
        NoSuchJobError: There is no such job.
    """
    state = connection.execute(
        select(t.jobs.c.state).where(t.jobs.c.id == job_id)
    ).scalar_one_or_none()
    if state is None:
        raise NoSuchJobError(job_id)
    return JobState(state)


def cancel(connection: Connection, job_id: int) -> News:
    """Cancel a job: nothing of it is leased any more, what is being worked on is revoked.

    Raises:
        NoSuchJobError: There is no such job.
        IllegalMoveError: It has ended already.
    """
    advance(JOB, job_state(connection, job_id), JobEvent.CANCEL)
    now = database_now(connection)
    news = News(jobs={job_id})
    connection.execute(
        update(t.jobs)
        .where(t.jobs.c.id == job_id)
        .values(state=JobState.CANCELLED, finished_at=now, message="Cancelled.")
    )
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
            cancelled=stage.total - stage.done - stage.failed,
            state=stage.state if ended else StageState.CANCELLED,
        )
    )


def retry(connection: Connection, catalog: Catalog, job_id: int) -> News:
    """Put failed and cancelled units back to work; what is done stays done.

    Raises:
        NoSuchJobError: There is no such job.
        IllegalMoveError: The job neither failed nor was cancelled.
    """
    advance(JOB, job_state(connection, job_id), JobEvent.RETRY)
    connection.execute(
        update(t.jobs)
        .where(t.jobs.c.id == job_id)
        .values(state=JobState.QUEUED, finished_at=None, message="")
    )
    job = catalog.job(connection, job_id)
    stage_ids = [stage.id for stage in job.stages]
    connection.execute(
        update(t.faults).where(t.faults.c.stage_id.in_(stage_ids)).values(forgiven=True)
    )
    done: dict[int, Spans] = {}
    for stage in job.stages:
        done[stage.id] = _done_units(connection, stage)
        _retry_stage(connection, job, stage, done)
    refresh_claimable(connection, stage_ids)
    news = News(jobs={job_id}, work=True)
    end_what_is_done(connection, stage_ids, now=database_now(connection), news=news)
    return news


def _done_units(connection: Connection, stage: StageFacts) -> Spans:
    rows = connection.execute(select(t.results.c.unit).where(t.results.c.stage_id == stage.id))
    return Spans.from_units(rows.scalars())


def _retry_stage(
    connection: Connection, job: JobFacts, stage: StageFacts, done: dict[int, Spans]
) -> None:
    missing = stage.units.difference(done[stage.id])
    attempt = _next_attempt(connection, stage.id)
    _empty(connection, stage.id)
    connection.execute(
        update(t.stages)
        .where(t.stages.c.id == stage.id, t.stages.c.state.in_(STAGE.sources(StageEvent.RETRY)))
        .values(state=StageState.WAITING)
    )
    if job.plan.stages[stage.position].needs is not None:
        missing = _with_inputs(connection, job, stage, missing, done)
    if missing:
        runs = [(span.first, span.last, span.step) for span in missing.spans]
        make_pending(connection, stage.id, runs, attempt=attempt)


def _empty(connection: Connection, stage_id: int) -> None:
    for table in (t.spans, t.inputs):
        connection.execute(delete(table).where(table.c.stage_id == stage_id))
    connection.execute(
        update(t.stages)
        .where(t.stages.c.id == stage_id)
        .values(pending=0, leased=0, failed=0, cancelled=0)
    )


def _next_attempt(connection: Connection, stage_id: int) -> int:
    """One more than any attempt there was, so that attempts only rise."""
    highest = [
        connection.execute(
            select(func.max(number)).where(table.c.stage_id == stage_id)
        ).scalar_one()
        for table, number in (
            (t.faults, t.faults.c.attempt),
            (t.leases, t.leases.c.next_attempt - 1),
            (t.spans, t.spans.c.attempt - 1),
        )
    ]
    return max((number or 0) for number in highest) + 1


def _with_inputs(
    connection: Connection,
    job: JobFacts,
    stage: StageFacts,
    missing: Spans,
    done: dict[int, Spans],
) -> Spans:
    """Those of the missing units whose inputs are complete; notes what the others have."""
    complete = []
    for unit in missing:
        needed = job.inputs_of(stage, unit)
        if needed is None:
            continue
        earlier, units = needed
        have = len(units.intersection(done[earlier.id]))
        if have == len(units):
            complete.append(unit)
        elif have:
            connection.execute(insert(t.inputs).values(stage_id=stage.id, unit=unit, have=have))
    return Spans.from_units(complete)
