"""What follows from a unit being settled: later units become pending, stages and jobs end."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, or_, select, update

from framefarm.core.outcome import StageTally, job_outcome
from framefarm.core.plans import Dependent
from framefarm.core.states import (
    JOB,
    STAGE,
    JobEvent,
    JobState,
    StageEvent,
    StageState,
    advance,
)
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog, StageFacts
from framefarm.farm.news import News

_ADD_PENDING = Prepared(
    update(t.stages)
    .where(t.stages.c.id == bindparam("stage"))
    .values(pending=t.stages.c.pending + bindparam("n"))
)

_FIRST_ATTEMPT = Prepared(
    select(t.stages.c.first_attempt).where(t.stages.c.id == bindparam("stage"))
)
_THESE_INPUTS = (t.inputs.c.stage_id == bindparam("stage")) & (t.inputs.c.unit == bindparam("of"))
_ADD_INPUTS = Prepared(
    update(t.inputs)
    .where(_THESE_INPUTS)
    .values(have=t.inputs.c.have + bindparam("n"))
    .returning(t.inputs.c.have)
)
_FORGET_INPUTS = Prepared(delete(t.inputs).where(_THESE_INPUTS))
_LAST_PLACE = Prepared(
    select(func.max(t.spans.c.position)).where(t.spans.c.stage_id == bindparam("stage"))
)
_INSERT_SPANS = insert(t.spans)
_UNLOCK = Prepared(
    update(t.stages)
    .where(
        t.stages.c.id == bindparam("stage"), t.stages.c.state.in_(STAGE.sources(StageEvent.UNLOCK))
    )
    .values(state=StageState.READY)
)


def unlock_dependents(
    connection: Connection,
    catalog: Catalog,
    done: Iterable[tuple[StageFacts, int]],
    news: News,
) -> None:
    """Count finished units as inputs of later ones; those that have all become pending."""
    arrived: Counter[tuple[int, Dependent]] = Counter()
    for stage, unit in done:
        job = catalog.job(connection, stage.job_id)
        for dependent in job.dependents(stage, unit):
            arrived[job.stages[dependent.stage_index].id, dependent] += 1
    for (stage_id, dependent), count in arrived.items():
        have = _count_inputs(connection, stage_id, dependent.unit, count)
        if have >= dependent.inputs:
            _FORGET_INPUTS.run(connection, stage=stage_id, of=dependent.unit)
            [[attempt]] = _FIRST_ATTEMPT.rows(connection, stage=stage_id)
            run = (dependent.unit, dependent.unit, 1)
            make_pending(connection, stage_id, [run], attempt=attempt)
            refresh_claimable(connection, [stage_id])
            news.work = True


def _count_inputs(connection: Connection, stage_id: int, unit: int, arrived: int) -> int:
    for row in _ADD_INPUTS.rows(connection, stage=stage_id, of=unit, n=arrived):
        return int(row.have)
    connection.execute(insert(t.inputs).values(stage_id=stage_id, unit=unit, have=arrived))
    return arrived


def make_pending(
    connection: Connection,
    stage_id: int,
    runs: list[tuple[int, int, int]],
    *,
    attempt: int,
    position: int | None = None,
) -> None:
    """Add runs `(first, last, step)` to a stage's pending units; a waiting stage becomes ready.

    Args:
        position: Where in the order, 0 in front; None puts them after all others.
    """
    if position is None:
        [[highest]] = _LAST_PLACE.rows(connection, stage=stage_id)
        position = 1 if highest is None else highest + 1
    # Each run has a place of its own: the pieces of one that is cut keep it.
    places = itertools.repeat(0) if position == 0 else itertools.count(position)
    connection.execute(
        _INSERT_SPANS,
        [
            {
                "stage_id": stage_id,
                "position": place,
                "first": first,
                "last": last,
                "step": step,
                "attempt": attempt,
            }
            for place, (first, last, step) in zip(places, runs, strict=False)
        ],
    )
    count = sum((last - first) // step + 1 for first, last, step in runs)
    _ADD_PENDING.run(connection, stage=stage_id, n=count)
    _UNLOCK.run(connection, stage=stage_id)


def refresh_claimable(connection: Connection, stage_ids: Iterable[int]) -> None:
    """Set `claimable` of stages to what their job, counters and Blender say."""
    _REFRESH.run(connection, sorted(set(stage_ids)))


_RUNNABLE = (
    select(t.jobs.c.id)
    .where(
        t.jobs.c.id == t.stages.c.job_id,
        or_(t.jobs.c.state.in_([JobState.QUEUED, JobState.RUNNING]), t.stages.c.on_trial),
        ~t.jobs.c.at_limit,
    )
    .exists()
)
_AWAITED = (
    select(t.sessions.c.id)
    .where(
        t.sessions.c.job_id == t.stages.c.job_id,
        t.sessions.c.waiting,
        t.sessions.c.ended_at.is_(None),
    )
    .exists()
)
"""Its job waits until its session has all workers that it asked for."""

_SETTLED = (t.stages.c.wanted_blender == "") | (t.stages.c.blender != "")
_REFRESH = Prepared(
    update(t.stages)
    .where(t.stages.c.id.in_(bindparam("ids", expanding=True)))
    .values(claimable=_RUNNABLE & ~_AWAITED & _SETTLED & (t.stages.c.pending > 0)),
    listed="ids",
)


COUNTERS = (
    t.stages.c.id,
    t.stages.c.job_id,
    t.stages.c.done,
    t.stages.c.total,
    t.stages.c.pending,
    t.stages.c.leased,
)
"""What tells whether a stage has ended."""

_COUNTED = Prepared(
    select(*COUNTERS).where(t.stages.c.id.in_(bindparam("ids", expanding=True))), listed="ids"
)


def end_what_is_done(
    connection: Connection, stage_ids: Iterable[int], *, now: float, news: News
) -> None:
    """End stages whose units are all done, and jobs whose stages allow it."""
    stages = _COUNTED.rows(connection, sorted(set(stage_ids)))
    end_stages(connection, stages, now=now, news=news)


def end_stages(connection: Connection, stages: Iterable[Any], *, now: float, news: News) -> None:
    """The same of stages whose `COUNTERS` are known."""
    ended_jobs = set()
    for row in stages:
        news.jobs.add(row.job_id)
        if row.done == row.total:
            _FINISH_STAGE.run(connection, stage=row.id)
        if row.pending + row.leased == 0:
            ended_jobs.add(row.job_id)
    for job_id in sorted(ended_jobs):
        _end_job(connection, job_id, now)


# A stage whose only unit was finished late may still be `waiting` for nothing.
_MAY_FINISH = [*STAGE.sources(StageEvent.FINISH), StageState.WAITING]
_FINISH_STAGE = Prepared(
    update(t.stages)
    .where(t.stages.c.id == bindparam("stage"), t.stages.c.state.in_(_MAY_FINISH))
    .values(state=StageState.DONE)
)


_OF_JOB = Prepared(select(t.stages).where(t.stages.c.job_id == bindparam("job")))
_FINISH_JOB = Prepared(
    update(t.jobs)
    .where(t.jobs.c.id == bindparam("job"), t.jobs.c.state.in_(JOB.sources(JobEvent.FINISH)))
    .values(state=JobState.DONE, finished_at=bindparam("now"), message="")
)
_HIGHEST = (
    select(func.max(t.leases.c.next_attempt))
    .where(t.leases.c.stage_id == t.stages.c.id)
    .scalar_subquery()
)
_KEEP_ATTEMPTS = Prepared(
    update(t.stages)
    .where(t.stages.c.job_id == bindparam("job"), t.stages.c.first_attempt < _HIGHEST)
    .values(first_attempt=_HIGHEST)
)
_FORGET_LEASES = Prepared(
    delete(t.leases).where(
        t.leases.c.stage_id.in_(select(t.stages.c.id).where(t.stages.c.job_id == bindparam("job")))
    )
)
_REVIVE_JOB = (
    update(t.jobs)
    .where(t.jobs.c.id == bindparam("job"), t.jobs.c.state == JobState.FAILED)
    .values(state=advance(JOB, JobState.FAILED, JobEvent.RETRY), finished_at=None, message="")
)


def _end_job(connection: Connection, job_id: int, now: float) -> None:
    rows = _OF_JOB.rows(connection, job=job_id)
    outcome = job_outcome(
        StageTally(StageState(row.state), row.pending, row.leased, row.failed) for row in rows
    )
    if outcome == JobState.RUNNING:
        _go_on(connection, job_id)
    elif outcome == JobState.DONE:
        _finish_job(connection, job_id, now)
    else:
        _fail_job(connection, job_id, now, message=_why_failed(connection, rows))


def _finish_job(connection: Connection, job_id: int, now: float) -> None:
    _FINISH_JOB.run(connection, job=job_id, now=now)
    # Every unit has its result: what a late report is told no longer depends on them. Only which
    # attempts there were is kept, for units that are made anew some day.
    _KEEP_ATTEMPTS.run(connection, job=job_id)
    _FORGET_LEASES.run(connection, job=job_id)


def _fail_job(connection: Connection, job_id: int, now: float, *, message: str) -> None:
    # One that has failed already may have fewer failed units now.
    may_fail = [*JOB.sources(JobEvent.FAIL), JobState.FAILED]
    connection.execute(
        update(t.jobs)
        .where(t.jobs.c.id == job_id, t.jobs.c.state.in_(may_fail))
        .values(state=JobState.FAILED, finished_at=now, message=message)
    )
    connection.execute(
        update(t.stages)
        .where(t.stages.c.job_id == job_id, t.stages.c.on_trial)
        .values(on_trial=False)
    )
    connection.execute(
        update(t.stages)
        .where(t.stages.c.job_id == job_id, t.stages.c.state.in_(STAGE.sources(StageEvent.FAIL)))
        .values(state=StageState.FAILED)
    )


def _go_on(connection: Connection, job_id: int) -> None:
    """Put a failed job back to work: the late success of a failed unit unlocked others (L4)."""
    if connection.execute(_REVIVE_JOB, {"job": job_id}).rowcount == 0:
        return
    failed = (t.stages.c.job_id == job_id) & (t.stages.c.state == StageState.FAILED)
    started = (t.stages.c.needs_position.is_(None)) | (t.stages.c.pending > 0)
    connection.execute(update(t.stages).where(failed, started).values(state=StageState.READY))
    connection.execute(update(t.stages).where(failed).values(state=StageState.WAITING))
    refresh_claimable(connection, [row.id for row in connection.execute(_stage_ids(job_id))])


def _stage_ids(job_id: int) -> Select[tuple[int]]:
    return select(t.stages.c.id).where(t.stages.c.job_id == job_id)


def _why_failed(connection: Connection, stages: Sequence[Row[Any]]) -> str:
    """Of which stages how many units failed, and the first of them with its reason."""
    failed = [f"{row.failed} of {row.total} in {row.kind}" for row in stages if row.failed]
    first = connection.execute(
        select(t.faults.c.unit, t.faults.c.message, t.stages.c.kind)
        .join(t.stages, t.stages.c.id == t.faults.c.stage_id)
        .where(
            t.faults.c.stage_id.in_([row.id for row in stages]),
            t.faults.c.final,
            ~t.faults.c.forgiven,
        )
        .order_by(t.stages.c.position, t.faults.c.unit)
        .limit(1)
    ).one_or_none()
    text = f"Units failed: {', '.join(failed)}."
    if first is None:
        return text
    return f"{text} {first.kind} {first.unit}: {' '.join(first.message.split())}"[:_LONGEST_MESSAGE]


_LONGEST_MESSAGE = 500
