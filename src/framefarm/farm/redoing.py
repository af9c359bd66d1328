"""Putting units of a job back to work: those that failed, some frames, or everything.

What is made anew begins from nothing. Its result goes, with its files' rows; whatever is still on
its way from an earlier lease of it can be delivered no more (`gone`); its next attempt has a higher
number than any it had; and later units that were made of it are made anew as well. All other units
stay where they are, also while the job runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.spans import Span, Spans
from framefarm.core.states import JOB, STAGE, JobEvent, JobState, StageEvent, StageState, advance
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog, JobFacts, StageFacts
from framefarm.farm.news import LostLease, News
from framefarm.farm.seals import new_key
from framefarm.farm.settling import end_what_is_done, make_pending, refresh_claimable
from framefarm.farm.steering import job_state

_LIVE = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)
_SPANS_IN_A_STATEMENT = 100


class NothingToRetryError(FrameFarmError):
    """No unit of the job failed or was cancelled."""

    code = "nothing_to_retry"

    def __init__(self, job_id: int, state: JobState) -> None:
        super().__init__(
            f"Nothing of job {job_id} failed, it is {state}. To make frames anew that are done, "
            "name them with --frames, or use --all."
        )


class NoSuchFramesError(FrameFarmError):
    """The job has none of the frames named."""

    code = "no_such_frames"

    def __init__(self, job_id: int, named: Spans, has: Spans) -> None:
        super().__init__(f"Job {job_id} has none of the frames {named}; it has {has}.")


@dataclass
class _Where:
    """Where the units of one stage are."""

    done: Spans = field(default_factory=Spans)
    pending: Spans = field(default_factory=Spans)
    leased: Spans = field(default_factory=Spans)
    failed: Spans = field(default_factory=Spans)

    @property
    def anywhere(self) -> Spans:
        """Those that are in one of these places."""
        return Spans(
            [*self.done.spans, *self.pending.spans, *self.leased.spans, *self.failed.spans]
        )


def retry(
    connection: Connection,
    catalog: Catalog,
    job_id: int,
    *,
    frames: Spans | None = None,
    everything: bool = False,
) -> News:
    """Put units back to work; what is done otherwise stays done.

    Args:
        frames: Units of the first stage to make anew, whatever became of them.
        everything: Make all units anew. Without either: those that failed or were cancelled.

    Raises:
        NoSuchJobError: There is no such job.
        NothingToRetryError: Nothing failed, and nothing is named.
        NoSuchFramesError: It has none of the frames.
    """
    state = job_state(connection, job_id)
    job = catalog.job(connection, job_id)
    chosen = _chosen(connection, job, frames, everything=everything)
    if state is not JobState.CANCELLED and not any(chosen.values()):
        raise NothingToRetryError(job_id, state)
    news = News(jobs={job_id}, work=True)
    if state not in _LIVE:
        _revive(connection, job_id, state)
    _make_anew(connection, job, chosen, news)
    ids = [stage.id for stage in job.stages]
    refresh_claimable(connection, ids)
    end_what_is_done(connection, ids, now=database_now(connection), news=news)
    return news


def _revive(connection: Connection, job_id: int, state: JobState) -> None:
    connection.execute(
        update(t.jobs)
        .where(t.jobs.c.id == job_id, t.jobs.c.state == state)
        .values(
            state=advance(JOB, state, JobEvent.RETRY),
            started_at=None,
            finished_at=None,
            message="",
        )
    )


# --- which units --------------------------------------------------------------------------------


def _chosen(
    connection: Connection, job: JobFacts, frames: Spans | None, *, everything: bool
) -> dict[int, Spans]:
    """The units to make anew, by stage."""
    if everything:
        return {stage.id: stage.units for stage in job.stages}
    if frames is None:
        return {stage.id: _failed_units(connection, stage.id) for stage in job.stages}
    first = job.stages[0]
    named = first.units.intersection(frames)
    if not named:
        raise NoSuchFramesError(job.id, frames, first.units)
    chosen = {first.id: named}
    for stage in job.stages[1:]:
        chosen[stage.id] = Spans.from_units(u for u in stage.units if _uses(job, stage, u, chosen))
    return chosen


def _uses(job: JobFacts, stage: StageFacts, unit: int, chosen: dict[int, Spans]) -> bool:
    """Whether a later unit is made of any that are made anew."""
    needed = job.inputs_of(stage, unit)
    return needed is not None and bool(needed[1].intersection(chosen[needed[0].id]))


# --- making them anew ---------------------------------------------------------------------------


def _make_anew(connection: Connection, job: JobFacts, chosen: dict[int, Spans], news: News) -> None:
    done: dict[int, Spans] = {}
    for stage in job.stages:
        attempt = _next_attempt(connection, stage.id)
        _discard(connection, stage.id, chosen[stage.id], news)
        here = _where(connection, stage.id)
        done[stage.id] = here.done
        _count(connection, stage, here, first_attempt=attempt)
        missing = stage.units.difference(here.anywhere)
        if job.plan.stages[stage.position].needs is not None:
            missing = _with_inputs(connection, job, stage, missing, done)
        if missing:
            runs = [(span.first, span.last, span.step) for span in missing.spans]
            make_pending(connection, stage.id, runs, attempt=attempt)


def _next_attempt(connection: Connection, stage_id: int) -> int:
    """One more than any attempt there was, so that attempts only rise."""
    highest = [
        connection.execute(select(func.max(number)).where(its_stage == stage_id)).scalar_one()
        for its_stage, number in (
            (t.faults.c.stage_id, t.faults.c.attempt),
            (t.results.c.stage_id, t.results.c.attempt),
            (t.leases.c.stage_id, t.leases.c.next_attempt - 1),
            (t.spans.c.stage_id, t.spans.c.attempt - 1),
            (t.stages.c.id, t.stages.c.first_attempt - 1),
        )
    ]
    return max((number or 0) for number in highest) + 1


def _discard(connection: Connection, stage_id: int, units: Spans, news: News) -> None:
    """Forget all there is of some units: results, faults, leases, places in the queue."""
    if not units:
        return
    # What was lent of it before proves nothing any more, also should this be forgotten (L6).
    of_stage = t.stages.c.id == stage_id
    connection.execute(update(t.stages).where(of_stage).values(seal_key=new_key()))
    _take_from_spans(connection, stage_id, units)
    _take_from_leases(connection, stage_id, units, news)
    for table in (t.files, t.results):
        for these in _among(table.c.unit, units):
            connection.execute(delete(table).where(table.c.stage_id == stage_id, these))
    for these in _among(t.faults.c.unit, units):
        here = and_(t.faults.c.stage_id == stage_id, these)
        connection.execute(update(t.faults).where(here).values(forgiven=True))


def _among(column: ColumnElement[int], units: Spans) -> list[ColumnElement[bool]]:
    """Conditions that hold for these units, a bounded number of spans in each."""
    spans = units.spans
    return [
        or_(*(_in_span(column, span) for span in spans[start : start + _SPANS_IN_A_STATEMENT]))
        for start in range(0, len(spans), _SPANS_IN_A_STATEMENT)
    ]


def _in_span(column: ColumnElement[int], span: Span) -> ColumnElement[bool]:
    within = column.between(span.first, span.last)
    return within if span.step == 1 else and_(within, (column - span.first) % span.step == 0)


def _take_from_spans(connection: Connection, stage_id: int, units: Spans) -> None:
    for row in connection.execute(select(t.spans).where(t.spans.c.stage_id == stage_id)).all():
        pending = Spans([Span(row.first, row.last, row.step)])
        left = pending.difference(units)
        if left == pending:
            continue
        connection.execute(delete(t.spans).where(t.spans.c.id == row.id))
        for part in left.spans:
            connection.execute(
                insert(t.spans).values(
                    stage_id=stage_id,
                    position=row.position,
                    first=part.first,
                    last=part.last,
                    step=part.step,
                    attempt=row.attempt,
                )
            )


def _take_from_leases(connection: Connection, stage_id: int, units: Spans, news: News) -> None:
    """Take units out of all leases, so that nothing of them can be delivered any more (L4)."""
    for row in connection.execute(select(t.leases).where(t.leases.c.stage_id == stage_id)).all():
        held = Spans.restore(row.units)
        taken = held.intersection(units)
        if not taken:
            continue
        left = held.difference(taken)
        as_it_was = and_(t.leases.c.id == row.id, t.leases.c.units == row.units)
        if left:
            connection.execute(update(t.leases).where(as_it_was).values(units=str(left)))
        else:
            connection.execute(delete(t.leases).where(as_it_was))
        if row.state == "active":
            told = str(taken) if left else ""
            news.lost.append(LostLease(row.id, row.worker_id, "it is to be made anew", told))


# --- counting -----------------------------------------------------------------------------------


def _where(connection: Connection, stage_id: int) -> _Where:
    pending = connection.execute(
        select(t.spans.c.first, t.spans.c.last, t.spans.c.step).where(
            t.spans.c.stage_id == stage_id
        )
    )
    leases = connection.execute(
        select(t.leases.c.units).where(
            t.leases.c.stage_id == stage_id, t.leases.c.state == "active"
        )
    ).scalars()
    return _Where(
        done=_done_units(connection, stage_id),
        pending=Spans([Span(first, last, step) for first, last, step in pending]),
        leased=Spans([span for units in leases for span in Spans.restore(units).spans]),
        failed=_failed_units(connection, stage_id),
    )


def _done_units(connection: Connection, stage_id: int) -> Spans:
    """Units that have a result.

    The database makes runs of them: a million units are mostly one, and everybody waits meanwhile.
    """
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


def _count(connection: Connection, stage: StageFacts, here: _Where, *, first_attempt: int) -> None:
    """Set a stage's counters and state to what there is."""
    connection.execute(delete(t.inputs).where(t.inputs.c.stage_id == stage.id))
    of_stage = t.results.c.stage_id == stage.id
    totals = connection.execute(
        select(
            func.coalesce(func.sum(t.results.c.seconds), 0.0).label("seconds"),
            func.coalesce(func.max(t.results.c.peak_memory_bytes), 0).label("peak"),
        ).where(of_stage)
    ).one()
    slowest = connection.execute(
        select(t.results.c.unit, t.results.c.seconds)
        .where(of_stage)
        .order_by(t.results.c.seconds.desc(), t.results.c.unit)
        .limit(1)
    ).one_or_none()
    counters = {
        "done": len(here.done),
        "pending": len(here.pending),
        "leased": len(here.leased),
        "failed": len(here.failed),
        "cancelled": 0,
        "first_attempt": first_attempt,
        "seconds": totals.seconds,
        "peak_memory_bytes": totals.peak,
        "slowest_s": slowest.seconds if slowest else 0.0,
        "slowest_unit": slowest.unit if slowest and slowest.seconds > 0 else None,
    }
    connection.execute(update(t.stages).where(t.stages.c.id == stage.id).values(**counters))
    connection.execute(
        update(t.stages)
        .where(
            t.stages.c.id == stage.id,
            t.stages.c.done < t.stages.c.total,
            t.stages.c.state.in_(STAGE.sources(StageEvent.RETRY)),
        )
        .values(state=StageState.WAITING)
    )


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
