"""Workers as the API shows them: what is stored, and what is so at this moment.

What a worker works on is read from the leases, so it is right whatever happened: also after the
manager's restart, for a worker that is away, and for one that ends its lease before it is disabled.
Only how far the unit in work has come is known by memory alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select

from framefarm.core.states import WorkerState
from framefarm.db import Prepared, database_now
from framefarm.db import tables as t
from framefarm.farm.memberships import WorkerSession, sessions_of_workers
from framefarm.farm.roster import Link
from framefarm.farm.views import iso
from framefarm.farm.worker_states import shown_state

REVOKED = "revoked"
_AT_A_TIME = 500

Links = Callable[[str], Link | None]
"""The connection of a worker."""


@dataclass(frozen=True)
class WorkView:
    """What a slot works on.

    Attributes:
        units: What is left of its lease.
        unit: The one in work, as far as is known, with `done` of `total` steps.
    """

    slot: str
    job: int
    name: str
    kind: str
    units: str
    unit: int | None = None
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class QuarantineView:
    """What a worker is not trusted with (L9), and until when.

    After that it gets one unit to show itself.
    """

    kind: str
    blender: str
    reason: str
    since_at: str
    until_at: str
    strikes: int


@dataclass(frozen=True)
class WorkerView:
    """A worker.

    Attributes:
        state: A `WorkerState`, or `revoked`.
        reason: Why it is in that state, where that needs saying.
        silent_s: Seconds since it was last heard of; 0 while it is connected.
        restarting: Whether its process is to be started anew.
        devices: What Cycles really renders on here; empty when that was not tried.
        clock_ahead_s: How far its clock was ahead of the manager's when it last told.
        work: One entry for each lease.
        session: The job that it works for before all others, if any.
    """

    id: str
    name: str
    state: str
    reason: str
    connected: bool
    restarting: bool
    pool: str
    tags: list[str]
    host: str
    system: str
    cores: int
    memory_bytes: int
    gpus: list[str]
    devices: list[str]
    slots: list[dict[str, Any]]
    agent_version: str
    clock_ahead_s: float
    first_seen_at: str
    last_seen_at: str
    silent_s: float
    work: list[WorkView] = field(default_factory=list)
    quarantines: list[QuarantineView] = field(default_factory=list)
    session: WorkerSession | None = None


def view_workers(connection: Connection, rows: Sequence[Any], links: Links) -> Iterator[WorkerView]:
    """Views of rows of `workers`, in their order."""
    now = database_now(connection)
    for start in range(0, len(rows), _AT_A_TIME):
        some = rows[start : start + _AT_A_TIME]
        ids = [row.id for row in some]
        work = _work_of(connection, ids, links)
        quarantines = _quarantines_of(connection, ids)
        sessions = sessions_of_workers(connection, ids)
        for row in some:
            yield _view(
                row,
                links(row.id),
                now,
                work=work[row.id],
                quarantines=quarantines[row.id],
                session=sessions.get(row.id),
            )


def _view(
    row: Any,
    link: Link | None,
    now: float,
    *,
    work: list[WorkView],
    quarantines: list[QuarantineView],
    session: WorkerSession | None,
) -> WorkerView:
    facts = row.facts
    connected = link is not None
    return WorkerView(
        id=row.id,
        name=row.name,
        state=_state(row, quarantines, connected=connected, working=bool(work)),
        reason=_reason(row, quarantines),
        connected=connected,
        restarting=row.restart_boot_id == row.boot_id,
        pool=row.pool,
        tags=row.tags,
        host=facts.get("host", ""),
        system=facts.get("system", ""),
        cores=facts.get("cores", 0),
        memory_bytes=facts.get("memory_bytes", 0),
        gpus=[gpu.get("name", "") for gpu in facts.get("gpus", ())],
        devices=list(facts.get("devices", ())),
        slots=row.slots,
        agent_version=row.agent_version,
        clock_ahead_s=row.clock_ahead_s,
        first_seen_at=iso(row.first_seen_at) or "",
        last_seen_at=iso(now if connected else row.last_seen_at) or "",
        silent_s=0.0 if connected else max(0.0, now - row.last_seen_at),
        work=work,
        quarantines=quarantines,
        session=session,
    )


def _reason(row: Any, quarantines: Sequence[QuarantineView]) -> str:
    """What a person said, else what it did wrong, else what it says itself."""
    wrong = next((one.reason for one in quarantines), "")
    return str(row.reason or wrong or row.facts.get("resting", ""))


def _state(
    row: Any, quarantines: Sequence[QuarantineView], *, connected: bool, working: bool
) -> str:
    if row.revoked_at is not None:
        return REVOKED
    state = shown_state(row.state, connected=connected, working=working)
    if state is WorkerState.IDLE and quarantines:
        return WorkerState.QUARANTINED
    return state


def _work_of(
    connection: Connection, worker_ids: Sequence[str], links: Links
) -> dict[str, list[WorkView]]:
    found: defaultdict[str, list[WorkView]] = defaultdict(list)
    for row in _WORK.rows(connection, worker_ids):
        unit, done, total = _progress(links(row.worker_id), row)
        found[row.worker_id].append(
            WorkView(row.slot, row.job_id, row.name, row.kind, row.units, unit, done, total)
        )
    return found


def _progress(link: Link | None, lease: Any) -> tuple[int | None, int, int]:
    slot = link.slots.get(lease.slot) if link else None
    if slot is None or slot.at is None or slot.work is None or slot.work.lease_id != lease.id:
        return None, 0, 0
    return slot.at.unit, slot.at.done, slot.at.total


def _quarantines_of(
    connection: Connection, worker_ids: Sequence[str]
) -> dict[str, list[QuarantineView]]:
    found: defaultdict[str, list[QuarantineView]] = defaultdict(list)
    for row in _QUARANTINES.rows(connection, worker_ids):
        found[row.worker_id].append(
            QuarantineView(
                kind=row.kind,
                blender=row.blender,
                reason=row.reason,
                since_at=iso(row.since_at) or "",
                until_at=iso(row.until_at) or "",
                strikes=row.strikes,
            )
        )
    return found


_LEASE, _QUARANTINE = t.leases.c, t.quarantines.c
_WORK = Prepared(
    select(
        *(_LEASE.id, _LEASE.worker_id, _LEASE.slot, _LEASE.units),
        *(t.stages.c.kind, t.stages.c.job_id, t.jobs.c.name),
    )
    .join(t.stages, t.stages.c.id == _LEASE.stage_id)
    .join(t.jobs, t.jobs.c.id == t.stages.c.job_id)
    .where(_LEASE.worker_id.in_(bindparam("workers", expanding=True)), _LEASE.state == "active")
    .order_by(_LEASE.slot, _LEASE.leased_at),
    listed="workers",
)
_QUARANTINES = Prepared(
    select(t.quarantines)
    .where(_QUARANTINE.worker_id.in_(bindparam("workers", expanding=True)))
    .order_by(_QUARANTINE.kind, _QUARANTINE.blender),
    listed="workers",
)
