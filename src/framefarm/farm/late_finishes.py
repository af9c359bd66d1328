"""A success whose lease has ended: it still counts while its unit has no result (L4)."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from framefarm.core.spans import Span, Spans
from framefarm.core.states import JobState
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.catalog import StageFacts
from framefarm.farm.news import LostLease, News
from framefarm.farm.seals import was_sealed
from framefarm.farm.settling import refresh_claimable
from framefarm.protocol.manifest import ResultFile
from framefarm.protocol.messages import UnitFacts


class Finish(msgspec.Struct, frozen=True):
    """A worker's claim to have made a unit. Its files are in the blob store already.

    `seal`: what proves its lease, should that be forgotten; see `framefarm.farm.seals`.
    """

    lease_id: str
    stage_id: int
    unit: int
    attempt: int
    worker_id: str
    facts: UnitFacts
    files: tuple[ResultFile, ...] = ()
    seal: str = ""


def reclaim(connection: Connection, stage: StageFacts, finish: Finish, news: News) -> bool:
    """Take a unit back from wherever it went since the finish's lease ended.

    Afterwards the unit is counted as leased and is in no span, lease or fault that counts, so
    that the finish can be stored like any other.

    Returns:
        False when the finish is to be turned away: its lease was never this worker's, or its job
        was cancelled or deleted.
    """
    if not (_was_leased(connection, stage, finish) or was_sealed(connection, finish)):
        return False
    return (
        take_from_pending(connection, stage.id, finish.unit)
        or take_from_leases(connection, stage.id, finish.unit, news)
        or _take_from_failed(connection, stage.id, finish.unit)
    )


def _was_leased(connection: Connection, stage: StageFacts, finish: Finish) -> bool:
    lease = connection.execute(
        select(t.leases.c.units)
        .join(t.stages, t.stages.c.id == t.leases.c.stage_id)
        .join(t.jobs, t.jobs.c.id == t.stages.c.job_id)
        .where(
            t.leases.c.id == finish.lease_id,
            t.leases.c.worker_id == finish.worker_id,
            t.leases.c.stage_id == stage.id,
            t.leases.c.attempt == finish.attempt,
            t.jobs.c.state != JobState.CANCELLED,
        )
    ).scalar_one_or_none()
    return lease is not None and finish.unit in Spans.restore(lease)


def take_from_pending(connection: Connection, stage_id: int, unit: int) -> bool:
    """Take a unit from where it waits, and count it as leased; False when it does not wait."""
    rows = connection.execute(
        select(t.spans).where(
            t.spans.c.stage_id == stage_id, t.spans.c.first <= unit, t.spans.c.last >= unit
        )
    ).all()
    for row in rows:
        if (unit - row.first) % row.step == 0:
            break
    else:
        return False
    connection.execute(delete(t.spans).where(t.spans.c.id == row.id))
    parts = Spans([Span(row.first, row.last, row.step)]).difference(Spans.of(unit, unit)).spans
    for part in parts:
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
    connection.execute(
        update(t.stages)
        .where(t.stages.c.id == stage_id)
        .values(pending=t.stages.c.pending - 1, leased=t.stages.c.leased + 1)
    )
    refresh_claimable(connection, [stage_id])
    return True


def take_from_leases(
    connection: Connection, stage_id: int, unit: int, news: News, *, but: str = ""
) -> bool:
    """Take a unit from every lease in force that holds it: at most two do (L11).

    Args:
        news: Their workers are to be told.
        but: Id of a lease that keeps it.

    Returns:
        Whether there was one.
    """
    held = leases_holding(connection, stage_id, unit, but=but)
    for lease_id, worker_id, stored in held:
        units = Spans.restore(stored)
        left = units.difference(Spans.of(unit, unit))
        guarded = and_(t.leases.c.id == lease_id, t.leases.c.units == stored)
        # An emptied one stays, ended, with its last unit: it tells which attempts there were.
        values = {"units": str(left)} if left else {"state": "ended"}
        connection.execute(update(t.leases).where(guarded).values(values))
        told = str(unit) if left else ""
        news.lost.append(LostLease(lease_id, worker_id, "another worker finished it", told))
    return bool(held)


def leases_holding(
    connection: Connection, stage_id: int, unit: int, *, but: str = ""
) -> list[tuple[str, str, str]]:
    """Id, worker and units of the leases in force that hold a unit."""
    rows = _IN_FORCE.rows(connection, stage=stage_id, but=but)
    return [(row.id, row.worker_id, row.units) for row in rows if unit in Spans.restore(row.units)]


_IN_FORCE = Prepared(
    select(t.leases.c.id, t.leases.c.units, t.leases.c.worker_id).where(
        t.leases.c.stage_id == bindparam("stage"),
        t.leases.c.state == "active",
        t.leases.c.id != bindparam("but"),
    )
)


def _take_from_failed(connection: Connection, stage_id: int, unit: int) -> bool:
    forgiven = connection.execute(
        update(t.faults)
        .where(
            t.faults.c.stage_id == stage_id,
            t.faults.c.unit == unit,
            t.faults.c.final,
            ~t.faults.c.forgiven,
        )
        .values(forgiven=True)
    )
    if forgiven.rowcount == 0:
        return False
    connection.execute(
        update(t.stages)
        .where(t.stages.c.id == stage_id)
        .values(failed=t.stages.c.failed - 1, leased=t.stages.c.leased + 1)
    )
    return True
