"""Putting a cancelled job back to work: what is neither done nor failed becomes pending again.

Which units those are takes a look at all results of the job. While it is cancelled they do not
change, so that can be read before the write that needs it, and nobody has to wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, insert, select, update

from framefarm.core.spans import Span, Spans
from framefarm.core.states import JOB, STAGE, JobEvent, JobState, StageEvent, StageState, advance
from framefarm.db import tables as t
from framefarm.farm.attempts import next_attempt
from framefarm.farm.catalog import Catalog, JobFacts, StageFacts
from framefarm.farm.settling import make_pending


@dataclass(frozen=True)
class Missing:
    """What a stage lacks.

    Attributes:
        pending: Units that can be worked on.
        have: How many inputs the others have, where they have some.
    """

    pending: Spans
    have: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Revival:
    """What becomes pending when a cancelled job is put back to work.

    Attributes:
        cancelled_at: When it was cancelled: after another cancelling this says nothing.
        stages: What of each, by its id.
    """

    cancelled_at: float
    stages: Mapping[int, Missing]


def plan_revival(connection: Connection, catalog: Catalog, job_id: int) -> Revival | None:
    """Look what a cancelled job lacks; None when it is not cancelled."""
    cancelled_at = _cancelled_at(connection, job_id)
    if cancelled_at is None:
        return None
    job = catalog.job(connection, job_id)
    done: dict[int, Spans] = {}
    stages = {}
    for stage in job.stages:
        done[stage.id] = _done_units(connection, stage.id)
        rest = stage.units.difference(done[stage.id].union(_failed_units(connection, stage.id)))
        stages[stage.id] = _missing(job, stage, rest, done)
    return Revival(cancelled_at, stages)


def _cancelled_at(connection: Connection, job_id: int) -> float | None:
    found: float | None = connection.execute(
        select(t.jobs.c.finished_at).where(
            t.jobs.c.id == job_id, t.jobs.c.state == JobState.CANCELLED
        )
    ).scalar_one_or_none()
    return found


def _done_units(connection: Connection, stage_id: int) -> Spans:
    """Units that have a result. The database makes runs of them: a million are mostly one."""
    unit = t.results.c.unit
    # Within a run, a unit and its place among all of them rise together.
    run = (unit - func.row_number().over(order_by=unit)).label("run")
    placed = select(unit, run).where(t.results.c.stage_id == stage_id).subquery()
    runs = connection.execute(
        select(func.min(placed.c.unit), func.max(placed.c.unit)).group_by(placed.c.run)
    )
    return Spans(Span(first, last) for first, last in runs)


def _failed_units(connection: Connection, stage_id: int) -> Spans:
    failed = select(t.faults.c.unit).where(
        t.faults.c.stage_id == stage_id, t.faults.c.final, ~t.faults.c.forgiven
    )
    return Spans.from_units(connection.execute(failed).scalars())


def _missing(job: JobFacts, stage: StageFacts, rest: Spans, done: dict[int, Spans]) -> Missing:
    """Tell units whose inputs are all there from others."""
    if job.plan.stages[stage.position].needs is None:
        return Missing(rest)
    complete, have = [], {}
    for unit in rest:
        needed = job.inputs_of(stage, unit)
        count = len(needed[1].intersection(done[needed[0].id])) if needed is not None else 0
        if needed is None or count == len(needed[1]):
            complete.append(unit)
        elif count:
            have[unit] = count
    return Missing(Spans.from_units(complete), have)


def revive(
    connection: Connection,
    catalog: Catalog,
    job: JobFacts,
    state: JobState,
    planned: Revival | None,
) -> None:
    """Put an ended job back to work.

    Args:
        state: What it is.
        planned: What was read of it before, where it is cancelled. What is out of date is read
            anew here.
    """
    if state is JobState.CANCELLED:
        if planned is None or planned.cancelled_at != _cancelled_at(connection, job.id):
            planned = plan_revival(connection, catalog, job.id)
        for stage_id, missing in (planned.stages if planned else {}).items():
            _revive_stage(connection, stage_id, missing)
            _forgive(connection, stage_id)
    connection.execute(
        update(t.jobs)
        .where(t.jobs.c.id == job.id, t.jobs.c.state == state)
        .values(
            state=advance(JOB, state, JobEvent.RETRY),
            started_at=None,
            finished_at=None,
            message="",
        )
    )


def _revive_stage(connection: Connection, stage_id: int, missing: Missing) -> None:
    attempt = next_attempt(connection, stage_id)
    here = update(t.stages).where(t.stages.c.id == stage_id)
    connection.execute(here.values(cancelled=0, first_attempt=attempt))
    reopen(connection, stage_id)
    if missing.pending:
        runs = [(span.first, span.last, span.step) for span in missing.pending.spans]
        make_pending(connection, stage_id, runs, attempt=attempt)
    if missing.have:
        rows = [{"stage_id": stage_id, "unit": u, "have": n} for u, n in missing.have.items()]
        connection.execute(insert(t.inputs), rows)


def _forgive(connection: Connection, stage_id: int) -> None:
    """Let what went wrong before count no more: whoever starts a job again has mended something.

    Units that were given up stay so until they are wished for.
    """
    tried = (t.faults.c.stage_id == stage_id) & ~t.faults.c.final & ~t.faults.c.forgiven
    connection.execute(update(t.faults).where(tried).values(forgiven=True))


def reopen(connection: Connection, stage_id: int) -> None:
    """Let a stage that has ended wait for its units, if not all of them are done."""
    connection.execute(
        update(t.stages)
        .where(
            t.stages.c.id == stage_id,
            t.stages.c.done < t.stages.c.total,
            t.stages.c.state.in_(STAGE.sources(StageEvent.RETRY)),
        )
        .values(state=StageState.WAITING)
    )
