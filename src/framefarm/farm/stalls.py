"""Taking back what shows no sign of progress although its worker is alive (L10).

The worker watches its renders itself and stops one that stalls. This is for workers that do not:
whose agent is stuck while its heartbeats go on, or that lie.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from framefarm.core.spans import Spans
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.blame import Blame
from framefarm.farm.catalog import Catalog
from framefarm.farm.failures import Failure, note_failure
from framefarm.farm.news import News
from framefarm.farm.requeue import end_leases
from framefarm.farm.roster import Roster

STALL_FACTOR = 10.0
"""A unit may show no progress for so many times as long as units of its stage take."""

MESSAGE = (
    "No sign of progress for {silent_s:.0f} s, though its worker was there; it was taken back."
)


def stall_limit_s(stall_s: float, usual_s: float | None) -> float:
    """How long a unit may show no progress (L10).

    Args:
        stall_s: At least so long.
        usual_s: What units of its stage take, None when unknown.
    """
    return max(stall_s, STALL_FACTOR * (usual_s or 0.0))


@dataclass(frozen=True)
class Stall:
    """A slot that shows no progress."""

    worker_id: str
    lease_id: str
    unit: int
    silent_s: float


def find_stalls(roster: Roster, *, now: float | None = None) -> Iterator[Stall]:
    """Slots that were silent for longer than their limit and a lease's life.

    Args:
        now: Monotonic seconds.
    """
    now = time.monotonic() if now is None else now
    for link in roster:
        for slot in link.slots.values():
            if slot.work is None or slot.at is None:
                continue
            silent_s = now - slot.at.heard_at
            if silent_s > slot.stall_s + link.lease_s:
                yield Stall(link.worker_id, slot.work.lease_id, slot.at.unit, silent_s)


def pardon_silence(roster: Roster, seconds: float) -> None:
    """Let time in which the manager could hear nobody count as nobody's silence."""
    for link in roster:
        for slot in link.slots.values():
            if slot.at is not None:
                slot.at.heard_at += seconds


def take_back(connection: Connection, catalog: Catalog, stall: Stall, blame: Blame) -> News:
    """End a lease that stalls: the unit in work failed there, the others are as they were."""
    row = connection.execute(
        select(t.leases).where(
            t.leases.c.id == stall.lease_id,
            t.leases.c.worker_id == stall.worker_id,
            t.leases.c.state == "active",
        )
    ).one_or_none()
    if row is None:
        return News()
    units, now = Spans.restore(row.units), database_now(connection)
    why = "it showed no progress"
    news = end_leases(connection, catalog, [row], reason=why, now=now, lost=False)
    failure = Failure(
        lease_id=row.id,
        stage_id=row.stage_id,
        unit=stall.unit if stall.unit in units else units.first,
        attempt=row.attempt,
        worker_id=row.worker_id,
        reason="stalled",
        message=MESSAGE.format(silent_s=stall.silent_s),
    )
    note_failure(connection, catalog, failure, blame, news)
    return news
