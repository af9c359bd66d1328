"""What went wrong with units so far, and who else could do them: what L9 decides by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, select

from framefarm.core.blame import BlameLimits, Fault, enough_memory
from framefarm.core.requirements import Pool, Requirements, requirements_of
from framefarm.core.states import WorkerState
from framefarm.db import Prepared, database_now
from framefarm.db import tables as t
from framefarm.farm.attempts import note_attempts
from framefarm.farm.roster import ability_of
from framefarm.protocol.messages import SlotOffer

_IN_AT_A_TIME = 500
_WORKERS_LOOKED_AT = 500

Elsewhere = Callable[[Connection, Requirements, frozenset[str], int], bool]
"""Whether a worker that is none of these, and has more than so many bytes of memory, could do a
stage."""


def nowhere(_: Connection, _asked: Requirements, _avoid: frozenset[str], _more: int) -> bool:
    """The answer of a farm of one worker."""
    return False


@dataclass(frozen=True)
class Blame:
    """By what is decided who is to blame.

    Attributes:
        limits: The numbers.
        elsewhere: Who else could do a unit.
    """

    limits: BlameLimits = field(default_factory=BlameLimits)
    elsewhere: Elsewhere = nowhere


def faults_of(
    connection: Connection, stage_id: int, units: Iterable[int]
) -> dict[int, list[Fault]]:
    """What counts of what went wrong with these units, oldest first; nothing for most."""
    wanted, found = sorted(set(units)), defaultdict(list)
    for start in range(0, len(wanted), _IN_AT_A_TIME):
        some = wanted[start : start + _IN_AT_A_TIME]
        for row in _FAULTS_OF.rows(connection, some, stage=stage_id):
            fault = Fault(row.worker_id, row.reason, row.memory_bytes, row.peak_memory_bytes)
            found[row.unit].append(fault)
    return found


def note_faults(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write down what went wrong; rows of `faults`."""
    if not rows:
        return
    connection.execute(insert(t.faults), list(rows))
    highest: dict[int, int] = defaultdict(int)
    for row in rows:
        highest[row["stage_id"]] = max(highest[row["stage_id"]], row["attempt"])
    note_attempts(connection, highest)


def asked_of(connection: Connection, stage_id: int) -> Requirements:
    """What a stage asks of a worker, whoever is in its job's session: that changes (L9)."""
    [[queue]] = _QUEUE_OF.rows(connection, stage=stage_id)
    return requirements_of(queue).of_anybody


def known_elsewhere(
    connection: Connection,
    asked: Requirements,
    avoid: frozenset[str],
    more_than_bytes: int,
    *,
    seen_s: float,
) -> bool:
    """Whether a worker that is away for a moment could do a stage; see `Elsewhere`.

    Right after the manager's start nobody is connected. A unit must not fail for want of workers
    that are on their way back.

    Args:
        seen_s: How long ago it may have been seen last. What is to come does not count: the clock
            went back, and a worker that was lost before would be on its way back for a day.
    """
    now = database_now(connection)
    workers = connection.execute(
        select(t.workers.c.id, t.workers.c.slots, t.workers.c.pool, t.workers.c.tags)
        .where(
            t.workers.c.last_seen_at.between(now - seen_s, now),
            t.workers.c.revoked_at.is_(None),
            t.workers.c.state != WorkerState.DISABLED,
            t.workers.c.id.not_in(sorted(avoid)),
        )
        .limit(_WORKERS_LOOKED_AT)
    ).all()
    barred = _barred_from(connection, asked)
    return any(
        worker.id not in barred and _could(worker, asked, more_than_bytes) for worker in workers
    )


def _barred_from(connection: Connection, asked: Requirements) -> set[str]:
    """Workers that are quarantined for such a stage."""
    rows = select(t.quarantines.c.worker_id).where(
        t.quarantines.c.kind == asked.kind, t.quarantines.c.blender == asked.blender
    )
    return set(connection.execute(rows).scalars())


def _could(worker: Any, asked: Requirements, more_than_bytes: int) -> bool:
    offers = msgspec.convert(worker.slots, tuple[SlotOffer, ...])
    tags = frozenset(worker.tags)
    abilities = [ability_of(offer, Pool(worker.pool), tags) for offer in offers]
    return any(
        ability.suits(asked) and enough_memory(ability.memory_bytes, more_than_bytes)
        for ability in abilities
    )


_FAULTS_OF = Prepared(
    select(t.faults)
    .where(
        t.faults.c.stage_id == bindparam("stage"),
        t.faults.c.unit.in_(bindparam("units", expanding=True)),
        ~t.faults.c.forgiven,
    )
    .order_by(t.faults.c.id),
    listed="units",
)
_QUEUE_OF = Prepared(select(t.stages.c.queue).where(t.stages.c.id == bindparam("stage")))
