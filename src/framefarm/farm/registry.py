"""Workers as the database knows them: added once, recognised by their key ever after."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, bindparam, case, literal_column, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.states import WorkerState
from framefarm.db import Many, Prepared, database_now
from framefarm.db import tables as t
from framefarm.protocol.messages import MachineFacts


class WorkerKeyError(FrameFarmError):
    """A worker showed an id whose key is another."""

    code = "worker_key"


class RevokedError(FrameFarmError):
    """A worker's key counts no more: someone revoked it."""

    code = "revoked"

    def __init__(self) -> None:
        super().__init__(
            "This worker was revoked, its key counts no more. To take its machine in again, make a "
            "join token (`framefarm workers invite` on the manager's machine) and start the worker "
            "with --join TOKEN."
        )


def hash_key(key: str) -> str:
    """What is stored of a worker's key. A fast hash will do: the key has 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True)
class Renewal:
    """A heartbeat."""

    worker_id: str
    leases: tuple[str, ...]
    lease_s: float


_IS_ACTIVE = t.leases.c.state == literal_column("'active'")
_RENEW = Many(
    update(t.leases)
    .where(
        t.leases.c.id == bindparam("lease"), t.leases.c.worker_id == bindparam("worker"), _IS_ACTIVE
    )
    .values(expires_at=bindparam("until")),
    "lease",
    "worker",
    "until",
)
_SEEN = Many(
    update(t.workers)
    .where(t.workers.c.id == bindparam("worker"))
    .values(
        last_seen_at=bindparam("seen_at"),
        # Silent for longer than a lease lasts, then heard again on the same connection.
        state=case(
            (
                t.workers.c.state == literal_column(f"'{WorkerState.LOST}'"),
                literal_column(f"'{WorkerState.IDLE}'"),
            ),
            else_=t.workers.c.state,
        ),
    ),
    "worker",
    "seen_at",
)
_ACTIVE = Prepared(
    select(t.leases.c.id, t.leases.c.worker_id).where(
        t.leases.c.id.in_(bindparam("leases", expanding=True)), _IS_ACTIVE
    ),
    listed="leases",
)


def renew_leases(connection: Connection, rows: Sequence[tuple[str, str, float]]) -> int:
    """Let leases live until a time (L2).

    Args:
        rows: Id, worker and new end of each.

    Returns:
        How many of them are in force and their worker's.
    """
    return _RENEW.run(connection, rows)


def renew_many(connection: Connection, renewals: Sequence[Renewal]) -> list[tuple[str, ...]]:
    """Renew leases (L2, L3).

    Returns:
        For each heartbeat the leases that are not the worker's any more.
    """
    now = database_now(connection)
    _SEEN.run(connection, [(worker, now) for worker in sorted({r.worker_id for r in renewals})])
    rows = [
        (lease, renewal.worker_id, now + renewal.lease_s)
        for renewal in renewals
        for lease in renewal.leases
    ]
    if renew_leases(connection, rows) == len(rows):
        return [() for _ in renewals]
    active = _active(connection, [lease for renewal in renewals for lease in renewal.leases])
    return [
        tuple(sorted({one for one in r.leases if active.get(one) != r.worker_id})) for r in renewals
    ]


def _active(connection: Connection, leases: Sequence[str]) -> dict[str, str]:
    """Whose each lease is, of those in force."""
    return dict(_ACTIVE.rows(connection, leases))


def note_facts(
    connection: Connection, worker_id: str, facts: MachineFacts, clock_at: float = 0.0
) -> None:
    """Note what a worker's machine is now, and what its clock says, if it tells."""
    now = database_now(connection)
    values = {"facts": msgspec.to_builtins(facts), "last_seen_at": now}
    if clock_at:
        values["clock_ahead_s"] = clock_at - now
    connection.execute(update(t.workers).where(t.workers.c.id == worker_id).values(**values))


def note_replaced(connection: Connection, worker_id: str, host: str) -> None:
    """Note that two processes showed the key of one worker, for its people to see."""
    reason = f"{REPLACED}; the newer one, on {host[:200] or 'an unknown host'}, is served"
    connection.execute(update(t.workers).where(t.workers.c.id == worker_id).values(reason=reason))


REPLACED = "two processes use its key"
