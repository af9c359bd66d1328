"""Forgetting all there is of some units: results, faults, leases, places in the queue.

Afterwards they are nowhere; the caller puts them where they belong. What it costs follows the
results among them and the leases and spans of their stage, never the units of the job.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from framefarm.core.spans import Span, Spans
from framefarm.db import tables as t
from framefarm.farm.news import LostLease, News
from framefarm.farm.seals import new_key
from framefarm.farm.usage import discount_results

SPANS_IN_A_STATEMENT = 100


@dataclass(frozen=True)
class Taken:
    """Where units were that were taken back.

    Attributes:
        lowered: Whether the highest figures of the stage were among those of their results; they
            are those of nothing now, until somebody looks at what is left.
    """

    pending: Spans
    leased: Spans
    done: Spans
    failed: Spans
    lowered: bool

    @property
    def anywhere(self) -> Spans:
        """All of them: each was in one of these places."""
        places = (self.pending, self.leased, self.done, self.failed)
        return Spans(span for units in places for span in units.spans)


def take_back(connection: Connection, stage_id: int, units: Spans, news: News) -> Taken:
    """Forget all there is of some units, and let the stage's counters say so.

    Args:
        news: Whoever is at one of them is to be told.
    """
    # What was lent of it before proves nothing any more, also should this be forgotten (L6).
    of_stage = t.stages.c.id == stage_id
    connection.execute(update(t.stages).where(of_stage).values(seal_key=new_key()))
    pending = _take_from_spans(connection, stage_id, units)
    leased = _take_from_leases(connection, stage_id, units, news)
    failed = _forgive(connection, stage_id, units)
    done, lowered = _take_results(connection, stage_id, units)
    counters = {
        "pending": t.stages.c.pending - len(pending),
        "leased": t.stages.c.leased - len(leased),
        "failed": t.stages.c.failed - len(failed),
    }
    connection.execute(update(t.stages).where(of_stage).values(**counters))
    return Taken(pending, leased, done, failed, lowered)


def among(column: ColumnElement[int], units: Spans) -> Iterator[ColumnElement[bool]]:
    """Conditions that hold for these units, a bounded number of spans in each."""
    spans = units.spans
    for start in range(0, len(spans), SPANS_IN_A_STATEMENT):
        some = spans[start : start + SPANS_IN_A_STATEMENT]
        yield or_(*(_in_span(column, span) for span in some))


def _in_span(column: ColumnElement[int], span: Span) -> ColumnElement[bool]:
    within = column.between(span.first, span.last)
    return within if span.step == 1 else and_(within, (column - span.first) % span.step == 0)


def _take_from_spans(connection: Connection, stage_id: int, units: Spans) -> Spans:
    taken: list[Span] = []
    near = (t.spans.c.first <= units.last) & (t.spans.c.last >= units.first)
    for row in connection.execute(
        select(t.spans).where(t.spans.c.stage_id == stage_id, near)
    ).all():
        pending = Spans([Span(row.first, row.last, row.step)])
        mine = pending.intersection(units)
        if not mine:
            continue
        taken += mine.spans
        connection.execute(delete(t.spans).where(t.spans.c.id == row.id))
        parts = [
            {
                "stage_id": stage_id,
                "position": row.position,
                "first": part.first,
                "last": part.last,
                "step": part.step,
                "attempt": row.attempt,
            }
            for part in pending.difference(mine).spans
        ]
        if parts:
            connection.execute(insert(t.spans), parts)
    return Spans(taken)


def _take_from_leases(connection: Connection, stage_id: int, units: Spans, news: News) -> Spans:
    """Take units out of all leases, so that nothing of them can be delivered any more (L4).

    Returns:
        Those of them that were in leases in force.
    """
    in_force: list[Span] = []
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
            in_force += taken.spans
            told = str(taken) if left else ""
            news.lost.append(LostLease(row.id, row.worker_id, "it is to be made anew", told))
    return Spans(in_force)


def _forgive(connection: Connection, stage_id: int, units: Spans) -> Spans:
    """Let the faults of units count no more; returns the units that had failed for good."""
    failed: list[int] = []
    for these in among(t.faults.c.unit, units):
        counting = and_(t.faults.c.stage_id == stage_id, these, ~t.faults.c.forgiven)
        final = select(t.faults.c.unit).where(counting, t.faults.c.final)
        failed += connection.execute(final).scalars()
        connection.execute(update(t.faults).where(counting).values(forgiven=True))
    return Spans.from_units(failed)


def _take_results(connection: Connection, stage_id: int, units: Spans) -> tuple[Spans, bool]:
    """Delete results and their files; returns whose, and whether they had the highest figures."""
    done: list[int] = []
    lowered = False
    for these in among(t.results.c.unit, units):
        here = and_(t.results.c.stage_id == stage_id, these)
        rows = connection.execute(
            select(t.results.c.unit, t.results.c.seconds, t.results.c.peak_memory_bytes).where(here)
        ).all()
        if not rows:
            continue
        done += [row.unit for row in rows]
        connection.execute(delete(t.results).where(here))
        lowered |= _count_off(connection, stage_id, rows)
    found = Spans.from_units(done)
    discount_results(connection, stage_id, _take_files(connection, stage_id, found))
    return found, lowered


def _take_files(connection: Connection, stage_id: int, units: Spans) -> int:
    """Delete the files of some units; returns their bytes."""
    size_bytes = 0
    for these in among(t.files.c.unit, units):
        here = and_(t.files.c.stage_id == stage_id, these)
        size = select(func.coalesce(func.sum(t.files.c.size_bytes), 0)).where(here)
        size_bytes += int(connection.execute(size).scalar_one())
        connection.execute(delete(t.files).where(here))
    return size_bytes


def _count_off(connection: Connection, stage_id: int, rows: Sequence[Any]) -> bool:
    """Take results off a stage's counters; returns whether what is highest may be lower now.

    Then it is that of no result: to find the next one takes a look at all that are left.
    """
    stage = update(t.stages).where(t.stages.c.id == stage_id)
    count, spent = len(rows), sum(row.seconds for row in rows)
    # What is left of sums of fractions that came and went is not exactly zero.
    nothing = (t.stages.c.done == count) | (t.stages.c.seconds < spent)
    left = case((nothing, 0.0), else_=t.stages.c.seconds - spent)
    connection.execute(stage.values(done=t.stages.c.done - count, seconds=left))
    slowest = max(row.seconds for row in rows)
    peak = max(row.peak_memory_bytes for row in rows)
    lower = (t.stages.c.slowest_s <= slowest) | (t.stages.c.peak_memory_bytes <= peak)
    highest = {"slowest_s": 0.0, "slowest_unit": None, "peak_memory_bytes": 0}
    return connection.execute(stage.where(lower).values(**highest)).rowcount > 0
