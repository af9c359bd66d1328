"""What is still to be made anew, remembered in the database.

A wish names units of a stage. It is fulfilled a few results at a time, so that nobody waits for
it; a manager that is killed meanwhile goes on with what is left when it starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from framefarm.core.spans import Span, Spans
from framefarm.db import tables as t
from framefarm.farm.taking_back import SPANS_IN_A_STATEMENT, among


@dataclass(frozen=True)
class RedoWish:
    """Units of a stage that are to be made anew.

    Attributes:
        failed_upto: Above 0: only those that failed by faults up to this id. What fails anew
            meanwhile is not meant.
        units: Those that may still have to be taken back.
        lowered: Whether the highest figures of the stage have to be looked for in the end.
    """

    stage_id: int
    failed_upto: int
    units: Spans
    lowered: bool = False


def note_wish(connection: Connection, wish: RedoWish) -> None:
    """Remember a wish, beside what is wished of the stage already."""
    known = connection.execute(
        select(t.redoing.c.units, t.redoing.c.lowered).where(_this(wish))
    ).one_or_none()
    if known is None:
        row = {"stage_id": wish.stage_id, "failed_upto": wish.failed_upto}
        connection.execute(
            insert(t.redoing).values(**row, units=str(wish.units), lowered=wish.lowered)
        )
        return
    units = str(wish.units.union(Spans.restore(known.units)))
    lowered = wish.lowered or known.lowered
    this = update(t.redoing).where(_this(wish))
    connection.execute(this.values(units=units, lowered=lowered))


def wish_of(connection: Connection, stage_ids: Iterable[int] | None = None) -> RedoWish | None:
    """A wish that is not fulfilled yet, of some stages or of any; None when there is none.

    Those that only have figures to be looked for come last.
    """
    order = (t.redoing.c.units == "", t.redoing.c.stage_id, t.redoing.c.failed_upto)
    first = select(t.redoing).order_by(*order).limit(1)
    if stage_ids is not None:
        first = first.where(t.redoing.c.stage_id.in_(list(stage_ids)))
    row = connection.execute(first).one_or_none()
    if row is None:
        return None
    return RedoWish(row.stage_id, row.failed_upto, Spans.restore(row.units), row.lowered)


def note_left(connection: Connection, wish: RedoWish, left: Spans, *, lowered: bool) -> None:
    """Remember what is left of a wish after a piece of it; a fulfilled one goes."""
    lowered |= wish.lowered
    if left or lowered:
        values = {"units": str(left), "lowered": lowered}
        connection.execute(update(t.redoing).where(_this(wish)).values(**values))
    else:
        connection.execute(delete(t.redoing).where(_this(wish)))


def end_wish(connection: Connection, wish: RedoWish) -> None:
    """Forget a wish, if no more units are wished of it meanwhile."""
    connection.execute(delete(t.redoing).where(_this(wish), t.redoing.c.units == ""))


def forget_wishes(connection: Connection, stage_ids: Iterable[int]) -> None:
    """Forget what is left of all wishes of some stages, but for looking for their figures."""
    here = t.redoing.c.stage_id.in_(list(stage_ids))
    connection.execute(delete(t.redoing).where(here, ~t.redoing.c.lowered))
    connection.execute(update(t.redoing).where(here).values(units=""))


def _this(wish: RedoWish) -> ColumnElement[bool]:
    return (t.redoing.c.stage_id == wish.stage_id) & (t.redoing.c.failed_upto == wish.failed_upto)


# --- pieces -------------------------------------------------------------------------------------


def next_piece(connection: Connection, wish: RedoWish, most: int) -> tuple[Spans, Spans]:
    """What of a wish is taken back next, and what is left of it then.

    The first units, as many as have up to about `most` results or faults; and whatever is being
    worked on, since nobody should go on with it.
    """
    if not wish.units:
        return Spans(), Spans()
    if wish.failed_upto:
        return _failed(connection, wish, most)
    piece = _leased(connection, wish).union(_with_rows(connection, wish, most))
    return piece, wish.units.difference(piece)


def _leased(connection: Connection, wish: RedoWish) -> Spans:
    leases = connection.execute(
        select(t.leases.c.units).where(
            t.leases.c.stage_id == wish.stage_id, t.leases.c.state == "active"
        )
    ).scalars()
    held = Spans(span for units in leases for span in Spans.restore(units).spans)
    return wish.units.intersection(held)


def _with_rows(connection: Connection, wish: RedoWish, most: int) -> Spans:
    """The first units with so many rows; with fewer, if it takes many runs to name them."""
    first = Spans(_few_runs(wish.units, most))
    [here] = among(t.results.c.unit, first)
    [faulty] = among(t.faults.c.unit, first)
    last = first.last
    for table, these in ((t.results, here), (t.faults, faulty)):
        end = connection.execute(
            select(table.c.unit)
            .where(table.c.stage_id == wish.stage_id, these)
            .order_by(table.c.unit)
            .offset(most - 1)
            .limit(1)
        ).scalar_one_or_none()
        last = last if end is None else min(last, end)
    return first.intersection(Spans.of(first.first, last))


def _few_runs(units: Spans, most: int) -> Iterator[Span]:
    """The first spans of some units, which cut others into not many more than `most` pieces."""
    cuts = 0
    for span in units.spans[:SPANS_IN_A_STATEMENT]:
        if span.step > 1 and cuts + len(span) > most:
            last = span.first + span.step * (most - cuts - 1)
            yield Span(span.first, max(last, span.first), span.step)
            return
        yield span
        cuts += 1 if span.step == 1 else len(span)
        if cuts >= most:
            return


def _failed(connection: Connection, wish: RedoWish, most: int) -> tuple[Spans, Spans]:
    """The first units that failed for good by then."""
    failed = connection.execute(
        select(t.faults.c.unit)
        .where(
            t.faults.c.stage_id == wish.stage_id,
            t.faults.c.unit >= wish.units.first,
            t.faults.c.id <= wish.failed_upto,
            t.faults.c.final,
            ~t.faults.c.forgiven,
        )
        .order_by(t.faults.c.unit)
        .limit(most)
    ).scalars()
    piece = Spans.from_units(failed)
    if len(piece) < most:
        return piece, Spans()
    return piece, wish.units.difference(Spans.of(wish.units.first, piece.last))


def last_fault(connection: Connection) -> int:
    """The id of the latest fault there is, 0 when there is none."""
    found: int | None = connection.execute(select(func.max(t.faults.c.id))).scalar_one()
    return found or 0
