"""The statements that let workers in, each for all of a group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from framefarm.db import Many
from framefarm.db import tables as t

KNOWN = select(
    t.workers.c.id,
    t.workers.c.name,
    t.workers.c.named_here,
    t.workers.c.key_hash,
    t.workers.c.boot_id,
    t.workers.c.restart_boot_id,
    t.workers.c.revoked_at,
    t.workers.c.state,
    t.workers.c.reason,
    t.workers.c.pool,
    t.workers.c.tags,
).where(t.workers.c.id.in_(bindparam("workers", expanding=True)))
HELD = (
    select(
        t.leases.c.worker_id,
        t.leases.c.id,
        t.leases.c.slot,
        t.leases.c.stage_id,
        t.stages.c.job_id,
        t.stages.c.kind,
        t.leases.c.units,
    )
    .join(t.stages, t.stages.c.id == t.leases.c.stage_id)
    .where(
        t.leases.c.worker_id.in_(bindparam("workers", expanding=True)),
        t.leases.c.state == "active",
    )
)


SAID = ("boot_id", "agent_version", "facts", "slots", "clock_ahead_s", "last_seen_at")
"""Columns of `workers` that a hello fills."""

_JOINED = ("key_hash", "pool", "join_token_id", "state")
_MOVED = ("state", "name", "reason", "restart_boot_id")


def _changing(columns: Sequence[str], *, guarded: bool = False) -> Many:
    """A statement that sets columns of workers: their values, its id, and if guarded its state."""
    values: dict[str, Any] = {column: bindparam(f"its_{column}") for column in columns}
    change = update(t.workers).where(t.workers.c.id == bindparam("worker")).values(**values)
    names = [f"its_{column}" for column in columns]
    if not guarded:
        return Many(change, *names, "worker")
    return Many(change.where(t.workers.c.state == bindparam("before")), *names, "worker", "before")


ADD = Many(insert(t.workers), *SAID, *_JOINED, "id", "name", "first_seen_at")
ADD_AGAIN = _changing((*SAID, *_JOINED))
MOVE = _changing((*SAID, *_MOVED), guarded=True)
