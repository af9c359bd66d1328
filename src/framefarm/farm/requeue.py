"""Leases that end without their units being done: the units go back to the front of the queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from framefarm.core.spans import Spans
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.late_finishes import leases_holding
from framefarm.farm.news import LostLease, News, UnitNews
from framefarm.farm.settling import end_what_is_done, make_pending, refresh_claimable

_NOTHING: Mapping[str, Spans] = {}

LOSSES_BEFORE_FAILED = 5
"""A worker that vanished is rarely the unit's fault; five in a row are (L9)."""


def free_worker(
    connection: Connection,
    catalog: Catalog,
    worker_id: str,
    *,
    reason: str,
    lost: bool,
    kept: Mapping[str, Spans] = _NOTHING,
) -> News:
    """End all leases of a worker that is known to be gone (L8).

    Args:
        lost: Whether it died; else it left in good order and no loss is counted.
        kept: See `end_leases`.
    """
    rows = connection.execute(
        select(t.leases).where(t.leases.c.worker_id == worker_id, t.leases.c.state == "active")
    ).all()
    now = database_now(connection)
    return end_leases(connection, catalog, rows, reason=reason, now=now, lost=lost, kept=kept)


def release(connection: Connection, catalog: Catalog, worker_id: str, lease_id: str) -> News:
    """Give back what is left of one lease, unblamed; nothing happens when it is not active."""
    rows = connection.execute(
        select(t.leases).where(
            t.leases.c.id == lease_id,
            t.leases.c.worker_id == worker_id,
            t.leases.c.state == "active",
        )
    ).all()
    now = database_now(connection)
    return end_leases(connection, catalog, rows, reason="released", now=now, lost=False)


def end_leases(
    connection: Connection,
    catalog: Catalog,
    rows: Sequence[Row[Any]],
    *,
    reason: str,
    now: float,
    lost: bool,
    kept: Mapping[str, Spans] = _NOTHING,
) -> News:
    """End leases and make what is left of them pending again, with the next attempt number.

    Args:
        rows: Active rows of `leases`.
        reason: For people.
        lost: Count a loss against each unit; after `LOSSES_BEFORE_FAILED` it fails.
        kept: Units that stay with their lease, by lease; it lives on with them until it expires.
    """
    news = News()
    for row in rows:
        units = Spans.restore(row.units)
        stay = units & kept.get(row.id, Spans())
        ended = connection.execute(
            update(t.leases)
            .where(
                t.leases.c.id == row.id,
                t.leases.c.state == "active",
                t.leases.c.units == row.units,
            )
            .values({"units": str(stay)} if stay else {"state": "ended"})
        )
        if ended.rowcount == 0:
            continue
        if not stay:
            news.lost.append(LostLease(row.id, row.worker_id, reason))
        units = _held_by_none(connection, row, units - stay)
        failed = _count_losses(connection, row, units, reason, now) if lost else []
        _requeue(connection, catalog, row, units.difference(Spans.from_units(failed)), news)
        _fail(connection, catalog, row, failed, news)
    touched = {row.stage_id for row in rows}
    refresh_claimable(connection, touched)
    end_what_is_done(connection, touched, now=now, news=news)
    return news


def _held_by_none(connection: Connection, row: Row[Any], units: Spans) -> Spans:
    """Units of an ended lease, without those that another worker is at as well (L11)."""
    if not row.tail and row.next_attempt == row.attempt + 1:
        return units
    return Spans.from_units(
        unit for unit in units if not leases_holding(connection, row.stage_id, unit, but=row.id)
    )


def _requeue(
    connection: Connection, catalog: Catalog, row: Row[Any], units: Spans, news: News
) -> None:
    if not units:
        return
    # In front of everything, so that what was begun first is also done first.
    make_pending(
        connection,
        row.stage_id,
        [(span.first, span.last, span.step) for span in units.spans],
        attempt=row.next_attempt,
        position=0,
    )
    _count(connection, row.stage_id, leased=-len(units))
    news.work = True
    stage = catalog.stage(connection, row.stage_id)
    if stage is not None:
        news.jobs.add(stage.job_id)


def _fail(
    connection: Connection, catalog: Catalog, row: Row[Any], units: list[int], news: News
) -> None:
    if not units:
        return
    _count(connection, row.stage_id, leased=-len(units), failed=len(units))
    stage = catalog.stage(connection, row.stage_id)
    if stage is None:
        return
    news.units += [
        UnitNews(
            stage.job_id, stage.id, stage.kind, unit, "failed", row.worker_id, message=_MANY_LOSSES
        )
        for unit in units
    ]


def _count(connection: Connection, stage_id: int, *, leased: int, failed: int = 0) -> None:
    connection.execute(
        update(t.stages)
        .where(t.stages.c.id == stage_id)
        .values(leased=t.stages.c.leased + leased, failed=t.stages.c.failed + failed)
    )


_MANY_LOSSES = f"{LOSSES_BEFORE_FAILED} workers were lost while they worked on it."


def _count_losses(
    connection: Connection, row: Row[Any], units: Spans, reason: str, now: float
) -> list[int]:
    """Note a loss for each unit; returns those that have had too many."""
    if not units:
        return []
    lost_before = _losses(connection, row.stage_id, units)
    failed = [u for u in units if lost_before.get(u, 0) + 1 >= LOSSES_BEFORE_FAILED]
    connection.execute(
        insert(t.faults),
        [
            {
                "stage_id": row.stage_id,
                "unit": unit,
                "attempt": row.attempt,
                "worker_id": row.worker_id,
                "reason": "lost",
                "message": _MANY_LOSSES if unit in failed else f"The worker was lost ({reason}).",
                "log_tail": "",
                "final": unit in failed,
                "at": now,
            }
            for unit in units
        ],
    )
    return failed


def _losses(connection: Connection, stage_id: int, units: Iterable[int]) -> dict[int, int]:
    rows = connection.execute(
        select(t.faults.c.unit, func.count())
        .where(
            t.faults.c.stage_id == stage_id,
            t.faults.c.unit.in_(list(units)),
            t.faults.c.reason == "lost",
            ~t.faults.c.forgiven,
        )
        .group_by(t.faults.c.unit)
    ).all()
    return {unit: count for unit, count in rows}  # noqa: C416  rows are not plain tuples
