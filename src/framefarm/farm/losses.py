"""What it costs a unit that its worker was lost: nothing at first (L9)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select, update

from framefarm.core.blame import KILLED, LOST, BlameLimits, Fault, Verdict, judge_losses
from framefarm.core.spans import Spans
from framefarm.db import tables as t
from framefarm.farm.blame import faults_of, note_faults
from framefarm.farm.catalog import StageFacts
from framefarm.farm.late_finishes import take_from_pending
from framefarm.farm.news import News, UnitNews
from framefarm.farm.settling import end_what_is_done, refresh_claimable

Killed = Collection[tuple[int, int]]
"""Stages and units that a worker's process was at when it died."""

_HOW = {
    LOST: "The worker was lost ({reason}).",
    KILLED: "The worker's process died while it was at this.",
}


@dataclass(frozen=True)
class Loss:
    """A worker was lost.

    Attributes:
        reason: For people.
        now: The database's time.
        killed: What it was at when it died, where that is known.
        limits: The numbers of L9.
    """

    worker_id: str
    reason: str
    now: float
    killed: Killed = ()
    limits: BlameLimits = field(default_factory=BlameLimits)


def count_losses(connection: Connection, row: Row[Any], units: Spans, loss: Loss) -> dict[int, str]:
    """Note a loss for each unit of a lease; returns those that are given up now, and why."""
    earlier = faults_of(connection, row.stage_id, units) if units else {}
    failed, rows = {}, []
    for unit in units:
        reason = KILLED if (row.stage_id, unit) in loss.killed else LOST
        faults = [*earlier.get(unit, ()), Fault(loss.worker_id, reason)]
        verdict = judge_losses(faults, loss.limits)
        if verdict.failed:
            failed[unit] = verdict.why
        rows.append(_row(row, unit, reason, verdict, loss))
    note_faults(connection, rows)
    return failed


def _row(row: Row[Any], unit: int, reason: str, verdict: Verdict, loss: Loss) -> dict[str, Any]:
    return {
        "stage_id": row.stage_id,
        "unit": unit,
        "attempt": row.attempt,
        "worker_id": loss.worker_id,
        "reason": reason,
        "message": verdict.why or _HOW[reason].format(reason=loss.reason),
        "log_tail": "",
        "final": verdict.failed,
        "at": loss.now,
    }


def note_killed(
    connection: Connection, stage: StageFacts, unit: int, loss: Loss, news: News
) -> None:
    """Count that a worker died at a unit whose lease had ended by the time it could say so.

    Only where a loss of that worker was noted: what it says is no more than a detail of it. The
    unit is given up if it has killed too many and waits; while another is at it, its end decides.
    """
    lost = _latest_loss(connection, stage.id, unit, loss.worker_id)
    if lost is None:
        return
    this = update(t.faults).where(t.faults.c.id == lost)
    connection.execute(this.values(reason=KILLED, message=_HOW[KILLED]))
    verdict = judge_losses(faults_of(connection, stage.id, [unit])[unit], loss.limits)
    if not verdict.failed or not take_from_pending(connection, stage.id, unit):
        return
    connection.execute(this.values(final=True, message=verdict.why))
    counters = {"leased": t.stages.c.leased - 1, "failed": t.stages.c.failed + 1}
    connection.execute(update(t.stages).where(t.stages.c.id == stage.id).values(**counters))
    told = (stage.job_id, stage.id, stage.kind, unit, "failed", loss.worker_id)
    news.units.append(UnitNews(*told, message=verdict.why))
    refresh_claimable(connection, [stage.id])
    end_what_is_done(connection, [stage.id], now=loss.now, news=news)


def _latest_loss(connection: Connection, stage_id: int, unit: int, worker_id: str) -> int | None:
    found: int | None = connection.execute(
        select(t.faults.c.id)
        .where(
            t.faults.c.stage_id == stage_id,
            t.faults.c.unit == unit,
            t.faults.c.worker_id == worker_id,
            t.faults.c.reason == LOST,
            ~t.faults.c.forgiven,
        )
        .order_by(t.faults.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return found
