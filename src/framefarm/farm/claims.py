"""Carving leases off the pending spans (ideas 1 and 2 of the design; L1, L2, L12)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, update

from framefarm.core.requirements import Pool, trusted_enough
from framefarm.core.spans import Spans
from framefarm.core.states import JOB, JobEvent, JobState
from framefarm.db import Many, Prepared, database_now
from framefarm.db import tables as t
from framefarm.farm.claim_requests import ClaimedLease, ClaimRequest
from framefarm.farm.limits import Limited, note_limits, open_jobs
from framefarm.farm.queues import Offer
from framefarm.farm.seals import seal

_START_JOB = Prepared(
    update(t.jobs)
    .where(t.jobs.c.id == bindparam("job"), t.jobs.c.state.in_(JOB.sources(JobEvent.START)))
    .values(
        state=JobState.RUNNING,
        # A job that was paused, or whose workers went away, began when it began.
        started_at=func.coalesce(t.jobs.c.started_at, bindparam("now")),
    )
)
_INSERT_LEASE = Many(insert(t.leases), *t.leases.c.keys())


def claim_many(
    connection: Connection, requests: Sequence[ClaimRequest], limited: Limited | None = None
) -> list[ClaimedLease | None]:
    """Lease the best next units to each slot.

    Jobs are served by priority, then fair share between owners, then age; within one priority a
    slot stays with the file its Blender holds open (L12). Later stages of a job come before earlier
    ones, so that its movie is encoded while it renders.

    Args:
        connection: Open transaction; the caller commits.
        requests: At most one for each slot.
        limited: Is told what limits keep back.

    Returns:
        A lease for each request, None where nothing that the slot may run is pending.
    """
    now = database_now(connection)
    limited = limited if limited is not None else Limited()
    open_jobs(connection, limited)
    offer = Offer(connection)
    ids = new_ids(now, len(requests))
    claimed = [_claim(request, offer, id_) for request, id_ in zip(requests, ids, strict=True)]
    _store(connection, [(r, c) for r, c in zip(requests, claimed, strict=True) if c], offer, now)
    note_limits(connection, offer.room, limited)
    return claimed


def pools_with_work(connection: Connection, limited: Limited) -> frozenset[Pool]:
    """The pools of which a slot might be given something, were it of the right kind.

    Args:
        connection: Open transaction; the caller commits.
        limited: Is told what limits keep back.
    """
    open_jobs(connection, limited)
    offer = Offer(connection)
    found = frozenset(pool for pool in Pool if _has_for(offer, pool))
    note_limits(connection, offer.room, limited)
    return found


def _has_for(offer: Offer, pool: Pool) -> bool:
    """Whether limits leave anything for slots of a pool, whatever else it asks of them."""
    room = offer.room
    return not room.pools.full(pool) and any(
        not room.full(source.stage, pool)
        for queue in offer.queues()
        if trusted_enough(pool, queue.asked.pool) and not room.full_for(queue.asked.owner, pool)
        for source in queue
    )


def _claim(request: ClaimRequest, offer: Offer, id_: str) -> ClaimedLease | None:
    pool = request.ability.pool
    if offer.room.pools.full(pool):
        return None
    for source in offer.preferred(request.ability, warm=request.warm, cached=request.cached):
        carved = None if offer.room.full(source.stage, pool) else source.carve(request)
        if carved is None:
            continue
        offer.note_taken(source, pool)
        units, attempt, opens = carved
        lease = new_lease(request, source.stage, source.stage.id, units, attempt, lease_id=id_)
        return msgspec.structs.replace(lease, opens=True) if opens else lease
    return None


def new_lease(
    request: ClaimRequest,
    stage: Any,
    stage_id: int,
    units: Spans,
    attempt: int,
    *,
    lease_id: str,
    tail: bool = False,
) -> ClaimedLease:
    """A lease as a claim gets it; it is not stored yet.

    Args:
        stage: A row with the stage's `job_id` and all that a seal needs.
        lease_id: One of `new_ids`.
    """
    worker_id = request.worker_id
    return ClaimedLease(
        lease_id=lease_id,
        stage_id=stage_id,
        job_id=stage.job_id,
        worker_id=worker_id,
        slot=request.slot,
        units=units,
        attempt=attempt,
        tail=tail,
        seal=seal(stage, lease_id=lease_id, worker_id=worker_id, attempt=attempt, units=units),
    )


def new_ids(now: float, count: int) -> list[str]:
    """Ids of leases: 48 bits of the time in milliseconds, then 80 that nobody can guess (L1).

    Leases lie in the order of their ids. By the time, those that come and go together lie together:
    10,000 workers' group of 20 round trips writes a third less (ADR 0011). The system is asked for
    all of them at once: the writer's thread loses its turn each time.

    Args:
        now: The database's time.
    """
    time_part = f"{int(now * 1_000) & _48_BITS:012x}"
    secret = secrets.token_hex(_SECRET_DIGITS // 2 * count) if count else ""
    starts = range(0, len(secret), _SECRET_DIGITS)
    return [time_part + secret[start : start + _SECRET_DIGITS] for start in starts]


_48_BITS = (1 << 48) - 1
_SECRET_DIGITS = 20


def _store(
    connection: Connection,
    claimed: list[tuple[ClaimRequest, ClaimedLease]],
    offer: Offer,
    now: float,
) -> None:
    if not claimed:
        return
    for source in offer.sources:
        source.flush()
    store_leases(connection, claimed, now)
    for job_id in sorted({lease.job_id for _, lease in claimed}):
        _START_JOB.run(connection, job=job_id, now=now)


def store_leases(
    connection: Connection, claimed: Sequence[tuple[ClaimRequest, ClaimedLease]], now: float
) -> None:
    """Insert leases as they were claimed."""
    rows = [_lease_row(lease, now, request.lease_s) for request, lease in claimed]
    _INSERT_LEASE.run(connection, rows)


def _lease_row(lease: ClaimedLease, now: float, lease_s: float) -> tuple[object, ...]:
    """The columns of `leases`, in their order."""
    return (
        lease.lease_id,
        lease.stage_id,
        lease.worker_id,
        lease.slot,
        lease.attempt,
        str(lease.units),
        "active",
        now,
        now + lease_s,
        lease.tail,
        lease.attempt + 1,
    )
