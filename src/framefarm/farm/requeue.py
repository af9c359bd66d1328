"""Leases that end without their units being done: the units go back to the front of the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, update

from framefarm.core.blame import BlameLimits
from framefarm.core.spans import Spans
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.late_finishes import leases_holding
from framefarm.farm.losses import Killed, Loss, count_losses, note_killed
from framefarm.farm.news import LostLease, News, UnitNews
from framefarm.farm.settling import end_what_is_done, make_pending, refresh_claimable

_NOTHING: Mapping[str, Spans] = {}

_LIMITS = BlameLimits()


def free_worker(
    connection: Connection,
    catalog: Catalog,
    worker_id: str,
    *,
    reason: str,
    lost: bool,
    kept: Mapping[str, Spans] = _NOTHING,
    killed: Killed = (),
    limits: BlameLimits = _LIMITS,
) -> News:
    """End all leases of a worker that is known to be gone (L8).

    Args:
        lost: Whether it died; else it left in good order and no loss is counted.
        kept: See `end_leases`.
        killed: What it was at when it died, also of leases that have ended since.
        limits: The numbers of L9.
    """
    rows = connection.execute(
        select(t.leases).where(t.leases.c.worker_id == worker_id, t.leases.c.state == "active")
    ).all()
    now = database_now(connection)
    news = end_leases(
        connection,
        catalog,
        rows,
        reason=reason,
        now=now,
        lost=lost,
        kept=kept,
        killed=killed,
        limits=limits,
    )
    for stage_id, unit in killed:
        stage = catalog.stage(connection, stage_id)
        # Those whose lease ends here are noted with its end; else a loss from before would be taken
        # for this one.
        if stage is not None and not _holds(rows, stage_id, unit):
            note_killed(connection, stage, unit, Loss(worker_id, reason, now, limits=limits), news)
    return news


def _holds(rows: Sequence[Row[Any]], stage_id: int, unit: int) -> bool:
    return any(row.stage_id == stage_id and unit in Spans.restore(row.units) for row in rows)


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
    killed: Killed = (),
    limits: BlameLimits = _LIMITS,
) -> News:
    """End leases and make what is left of them pending again, with the next attempt number.

    Args:
        rows: Active rows of `leases`.
        reason: For people.
        lost: Count a loss against each unit; after too many it fails (L9).
        kept: Units that stay with their lease, by lease; it lives on with them until it expires.
        killed: What the worker was at when it died.
        limits: The numbers of L9.
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
        loss = Loss(row.worker_id, reason, now, killed, limits)
        failed = count_losses(connection, row, units, loss) if lost else {}
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
    connection: Connection, catalog: Catalog, row: Row[Any], failed: dict[int, str], news: News
) -> None:
    if not failed:
        return
    _count(connection, row.stage_id, leased=-len(failed), failed=len(failed))
    stage = catalog.stage(connection, row.stage_id)
    if stage is None:
        return
    news.units += [
        UnitNews(stage.job_id, stage.id, stage.kind, unit, "failed", row.worker_id, message=why)
        for unit, why in failed.items()
    ]


def _count(connection: Connection, stage_id: int, *, leased: int, failed: int = 0) -> None:
    connection.execute(
        update(t.stages)
        .where(t.stages.c.id == stage_id)
        .values(leased=t.stages.c.leased + leased, failed=t.stages.c.failed + failed)
    )
