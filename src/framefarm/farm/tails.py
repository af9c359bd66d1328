"""Second leases for the last units of a stage (L11).

With nothing pending and slots idle, a stage is as slow as its slowest holder. So the unit that is
expected to end last is lent to an idle slot as well; whichever result comes first counts, and the
other holder is told to stop. Nothing is taken from anyone before a result is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from framefarm.core.requirements import Requirements, requirements_of
from framefarm.core.spans import Spans
from framefarm.core.states import JobState
from framefarm.core.tail import Pace, UnitEnd, expected_ends, worth_starting
from framefarm.db import Prepared, database_now
from framefarm.db import tables as t
from framefarm.farm.claim_requests import ClaimedLease, ClaimRequest
from framefarm.farm.claims import new_ids, new_lease, store_leases
from framefarm.farm.limits import Limited, Room, note_limits

_LEASES_LOOKED_AT = 5_000


class Watch(Protocol):
    """Knows how slots are getting on; see `framefarm.farm.paces`."""

    def of(self, stage_id: int, worker_id: str, slot_name: str, unit: int) -> Pace:
        """How a slot is getting on with the unit it should be at."""

    def usual_s(self, stage_id: int) -> float | None:
        """What a unit of a stage takes, None when unknown."""


class TailRequest(msgspec.Struct, frozen=True):
    """An idle slot that found nothing pending.

    Attributes:
        claim: What it can do.
        watch: Knows how the others are getting on.
    """

    claim: ClaimRequest
    watch: Watch


@dataclass
class _Held:
    """A lease in force, and when its units are expected to end."""

    row: Any
    units: Spans
    ends: list[UnitEnd]
    next_attempt: int


@dataclass
class _EndingStage:
    """A stage of which nothing is pending, with its leases.

    Attributes:
        row: What the database says of it.
    """

    id: int
    row: Any
    asked: Requirements
    usual_s: float | None
    held: list[_Held] = field(default_factory=list)
    twice: set[int] = field(default_factory=set)

    def last_first(self, worker_id: str) -> Iterator[tuple[UnitEnd, _Held]]:
        """Units that other workers hold, each held once, the one that ends last first."""
        found = [
            (end, held)
            for held in self.held
            if held.row.worker_id != worker_id
            for end in held.ends
            if end.unit not in self.twice
        ]
        return iter(sorted(found, key=lambda pair: (-pair[0].ends_in_s, pair[0].unit)))


_ENDING = Prepared(
    select(
        t.leases.c.id,
        t.leases.c.stage_id,
        t.leases.c.worker_id,
        t.leases.c.slot,
        t.leases.c.units,
        t.leases.c.tail,
        t.leases.c.next_attempt,
        t.stages.c.job_id,
        t.stages.c.queue,
        t.stages.c.seal_key,
        t.stages.c.blender,
        t.stages.c.needs_position,
        t.stages.c.max_workers,
    )
    .join(t.stages, t.stages.c.id == t.leases.c.stage_id)
    .join(t.jobs, t.jobs.c.id == t.stages.c.job_id)
    .where(
        t.leases.c.state == "active",
        t.stages.c.pending == 0,
        t.stages.c.leased > 0,
        t.jobs.c.state == JobState.RUNNING,
    )
    .order_by(t.stages.c.priority.desc(), t.stages.c.job_id, t.leases.c.stage_id, t.leases.c.id)
    .limit(_LEASES_LOOKED_AT)
)
_FAILED_HERE = Prepared(
    select(t.faults.c.id).where(
        t.faults.c.stage_id == bindparam("stage"),
        t.faults.c.unit == bindparam("unit"),
        t.faults.c.reason != "lost",
        ~t.faults.c.forgiven,
    )
)
_NOTE_TAIL = Prepared(
    update(t.leases)
    .where(
        t.leases.c.id == bindparam("lease"),
        t.leases.c.state == "active",
        t.leases.c.next_attempt == bindparam("expected"),
    )
    .values(next_attempt=t.leases.c.next_attempt + 1)
)


def lease_tails(
    connection: Connection, requests: Sequence[TailRequest], limited: Limited | None = None
) -> list[ClaimedLease | None]:
    """Lend units that are being worked on to idle slots as well.

    Args:
        connection: Open transaction; the caller commits.
        requests: At most one for each slot; their slots found nothing pending.
        limited: Is told what limits keep back.

    Returns:
        A lease of one unit for each request, None where none is worth it.
    """
    stages = _ending_stages(connection, requests[0].watch)
    room = Room(connection)
    claimed = [_claim(connection, request.claim, stages, room) for request in requests]
    made = [(r.claim, lease) for r, lease in zip(requests, claimed, strict=True) if lease]
    if made:
        store_leases(connection, made, database_now(connection))
        note_limits(connection, room, limited if limited is not None else Limited())
    return claimed


def _ending_stages(connection: Connection, watch: Watch) -> list[_EndingStage]:
    stages: dict[int, _EndingStage] = {}
    for row in _ENDING.rows(connection):
        stage = stages.get(row.stage_id)
        if stage is None:
            asked, usual_s = requirements_of(row.queue), watch.usual_s(row.stage_id)
            stage = _EndingStage(row.stage_id, row, asked, usual_s)
            stages[row.stage_id] = stage
        _add(stage, row, watch)
    return list(stages.values())


def _add(stage: _EndingStage, row: Any, watch: Watch) -> None:
    units = Spans.restore(row.units)
    if row.tail:
        stage.twice.update(units)
        return
    pace = watch.of(stage.id, row.worker_id, row.slot, units.first)
    ends = expected_ends(list(units), pace, usual_s=stage.usual_s)
    stage.held.append(_Held(row, units, ends, row.next_attempt))


def _claim(
    connection: Connection, request: ClaimRequest, stages: Sequence[_EndingStage], room: Room
) -> ClaimedLease | None:
    pool = request.ability.pool
    if room.pools.full(pool):
        return None
    for stage in stages:
        what = (stage.asked.kind, stage.asked.blender)
        kept_off = what in request.barred | request.probation or stage.id in request.resting
        if kept_off or not request.ability.suits(stage.asked):
            continue
        owner = stage.asked.owner
        if room.full_for(owner, pool) or room.full(stage.row, pool):
            continue
        lease = _claim_of(connection, request, stage)
        if lease is not None:
            room.take(owner, stage.row, pool)
            return lease
    return None


def _claim_of(
    connection: Connection, request: ClaimRequest, stage: _EndingStage
) -> ClaimedLease | None:
    seconds_here = request.seconds_per_unit.get(stage.id, stage.usual_s)
    if seconds_here is None:
        return None
    for end, held in stage.last_first(request.worker_id):
        if not worth_starting(end, seconds_here=seconds_here):
            return None
        # A unit that went wrong before is not the one to hurry: it may do so again.
        if not _FAILED_HERE.rows(connection, stage=stage.id, unit=end.unit):
            return _lend(connection, request, stage, end, held)
    return None


def _lend(
    connection: Connection,
    request: ClaimRequest,
    stage: _EndingStage,
    end: UnitEnd,
    held: _Held,
) -> ClaimedLease | None:
    """Make the second lease; its attempt is above that of the first (L4)."""
    if _NOTE_TAIL.run(connection, lease=held.row.id, expected=held.next_attempt) == 0:
        return None
    attempt, held.next_attempt = held.next_attempt, held.next_attempt + 1
    stage.twice.add(end.unit)
    units = Spans.of(end.unit, end.unit)
    [lease_id] = new_ids(database_now(connection), 1)
    return new_lease(request, stage.row, stage.id, units, attempt, lease_id=lease_id, tail=True)
