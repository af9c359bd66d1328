"""Workers as the database knows them: added once, recognised by their key ever after."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, case, insert, select, update

from framefarm.core.blame import BlameLimits
from framefarm.core.errors import FrameFarmError
from framefarm.core.requirements import Pool
from framefarm.core.spans import Spans
from framefarm.core.states import WorkerEvent, WorkerState
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.joining import LOCAL, Door, let_in
from framefarm.farm.news import News
from framefarm.farm.requeue import end_leases, free_worker
from framefarm.farm.worker_names import free_name, name_of
from framefarm.farm.worker_states import move_worker
from framefarm.protocol.messages import Hello, MachineFacts


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


@dataclass(frozen=True)
class Admission:
    """The answer to a hello.

    Attributes:
        state: Where it stands now that it is connected.
        name: What people call it here.
        pool, tags: As the manager knows it.
        restart: Whether this process was asked to start anew while it was away.
        holding: Leases it goes on with.
        key: Its secret, for a worker that was added just now.
        dropped: Leases it still works on that are not its own any more.
        news: What became of the leases it does not hold any more.
    """

    worker_id: str
    state: WorkerState
    name: str
    pool: Pool = Pool.OWN
    tags: tuple[str, ...] = ()
    restart: bool = False
    holding: tuple[str, ...] = ()
    key: str | None = None
    dropped: tuple[str, ...] = ()
    news: News = field(default_factory=News)

    @property
    def enabled(self) -> bool:
        """Whether no person took it out. One in quarantine gets what it is not barred from."""
        return self.state is not WorkerState.DISABLED

    @property
    def may_claim(self) -> bool:
        """Whether it gets leases."""
        return self.enabled and self.state is not WorkerState.DRAINING


_LIMITS = BlameLimits()
_INTERRUPTED = 256
"""A worker has no more slots than that (L14)."""


def hash_key(key: str) -> str:
    """What is stored of a worker's key. A fast hash will do: the key has 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def admit(
    connection: Connection,
    catalog: Catalog,
    hello: Hello,
    door: Door = LOCAL,
    limits: BlameLimits = _LIMITS,
) -> Admission:
    """Check a worker and update it, or add it.

    A new boot id means that the old process is gone, with all it worked on (L8). With the same
    boot id it goes on with the leases it names; others that it held never reached it.

    Args:
        limits: The numbers by which units that kill workers are found out (L9).

    Raises:
        WorkerKeyError: The id is known and the key is not its.
        RevokedError: The key counts no more.
        JoinTokenError: It is not known, and may not join with what it showed.
        TooManyGuessesError: It is not known, and its token is not looked at now.
    """
    known = _recognise(connection, hello)
    if known is None:
        return _join(connection, hello, door)
    same = hello.boot_id == known.boot_id
    said = {
        **_described(hello, database_now(connection)),
        "name": name_of(connection, known, hello.name),
        "reason": "" if known.reason.startswith(_REPLACED) else known.reason,
        "restart_boot_id": known.restart_boot_id if same else None,
    }
    state = move_worker(
        connection, known, WorkerEvent.CONNECT if same else WorkerEvent.RESTART, **said
    )
    if same:
        news = _free_unknown(connection, catalog, known.id, hello)
    else:
        news = free_worker(
            connection,
            catalog,
            known.id,
            reason="it was restarted",
            lost=True,
            kept=_owed(hello),
            killed=hello.interrupted[:_INTERRUPTED],
            limits=limits,
        )
    dropped = _not_held(connection, known.id, hello.holding)
    return Admission(
        known.id,
        state,
        said["name"],
        pool=Pool(known.pool),
        tags=tuple(known.tags),
        restart=same and known.restart_boot_id == hello.boot_id,
        holding=tuple(sorted(set(hello.holding) - set(dropped))),
        dropped=dropped,
        news=news,
    )


def _recognise(connection: Connection, hello: Hello) -> Row[Any] | None:
    """The row of a worker that shows its key; None for one to be added.

    With a join token in hand, a machine whose key does not count any more begins anew.
    """
    if not hello.worker_id:
        return None
    known = connection.execute(
        select(t.workers).where(t.workers.c.id == hello.worker_id)
    ).one_or_none()
    if known is None:
        return None
    right = hmac.compare_digest(known.key_hash, hash_key(hello.key or ""))
    if right and known.revoked_at is None:
        return known
    if hello.join_token is not None:
        return None
    if right:
        raise RevokedError
    raise WorkerKeyError(
        f"The key of worker {known.name} is not the one this manager gave it. "
        "Start it with --join TOKEN to let it join as a new one."
    )


def _join(connection: Connection, hello: Hello, door: Door) -> Admission:
    entry = let_in(connection, hello.join_token, hello.boot_id[:64], door)
    worker_id, key = entry.worker_id or secrets.token_hex(16), secrets.token_urlsafe(32)
    now = database_now(connection)
    values = {
        **_described(hello, now),
        "key_hash": hash_key(key),
        "state": WorkerState.IDLE,
        "pool": entry.pool,
        "join_token_id": entry.token_id,
    }
    if entry.worker_id is None:
        values["name"] = name = free_name(connection, hello.name)
        connection.execute(insert(t.workers).values(id=worker_id, first_seen_at=now, **values))
    else:
        # The welcome with its key was lost on the way, so it never did anything as this worker.
        name = entry.name
        connection.execute(update(t.workers).where(t.workers.c.id == worker_id).values(**values))
    return Admission(
        worker_id, WorkerState.IDLE, name, pool=entry.pool, key=key, dropped=hello.holding
    )


def _described(hello: Hello, now: float) -> dict[str, Any]:
    return {
        "boot_id": hello.boot_id[:64],
        "agent_version": hello.agent_version[:40],
        "facts": msgspec.to_builtins(hello.facts),
        "slots": msgspec.to_builtins(hello.slots),
        "clock_ahead_s": hello.clock_at - now if hello.clock_at else 0.0,
        "last_seen_at": now,
    }


def _free_unknown(connection: Connection, catalog: Catalog, worker_id: str, hello: Hello) -> News:
    rows = connection.execute(
        select(t.leases).where(t.leases.c.worker_id == worker_id, t.leases.c.state == "active")
    ).all()
    held = set(hello.holding)
    never_arrived = [row for row in rows if row.id not in held]
    now = database_now(connection)
    reason = "it never reached the worker"
    return end_leases(
        connection, catalog, never_arrived, reason=reason, now=now, lost=False, kept=_owed(hello)
    )


def _owed(hello: Hello) -> dict[str, Spans]:
    """The units of each lease whose results lie in the worker's outbox.

    They stay leased to it as long as the lease lives, so that nobody makes them again while it
    brings them (L6).
    """
    units: dict[str, list[int]] = defaultdict(list)
    for lease, unit in hello.owed:
        units[lease].append(unit)
    return {lease: Spans.from_units(owed) for lease, owed in units.items()}


def _not_held(connection: Connection, worker_id: str, holding: tuple[str, ...]) -> tuple[str, ...]:
    if not holding:
        return ()
    active = connection.execute(
        select(t.leases.c.id).where(t.leases.c.worker_id == worker_id, t.leases.c.state == "active")
    ).scalars()
    return tuple(sorted(set(holding) - set(active)))


@dataclass(frozen=True)
class Renewal:
    """A heartbeat."""

    worker_id: str
    leases: tuple[str, ...]
    lease_s: float


_RENEW = (
    update(t.leases)
    .where(
        t.leases.c.id == bindparam("lease"),
        t.leases.c.worker_id == bindparam("worker"),
        t.leases.c.state == "active",
    )
    .values(expires_at=bindparam("until"))
)
_SEEN = (
    update(t.workers)
    .where(t.workers.c.id == bindparam("worker"))
    .values(
        last_seen_at=bindparam("now"),
        # Silent for longer than a lease lasts, then heard again on the same connection.
        state=case(
            (t.workers.c.state == WorkerState.LOST, WorkerState.IDLE.value),
            else_=t.workers.c.state,
        ),
    )
)


_AT_A_TIME = 1_000
_ACTIVE = select(t.leases.c.id, t.leases.c.worker_id).where(
    t.leases.c.id.in_(bindparam("leases", expanding=True)), t.leases.c.state == "active"
)


def renew_many(connection: Connection, renewals: Sequence[Renewal]) -> list[tuple[str, ...]]:
    """Renew leases (L2, L3).

    Returns:
        For each heartbeat the leases that are not the worker's any more.
    """
    now = database_now(connection)
    seen = [{"worker": worker, "now": now} for worker in sorted({r.worker_id for r in renewals})]
    connection.execute(_SEEN, seen)
    rows = [
        {"lease": lease, "worker": renewal.worker_id, "until": now + renewal.lease_s}
        for renewal in renewals
        for lease in renewal.leases
    ]
    if not rows or connection.execute(_RENEW, rows).rowcount == len(rows):
        return [() for _ in renewals]
    active = _active(connection, [lease for renewal in renewals for lease in renewal.leases])
    return [
        tuple(sorted({one for one in r.leases if active.get(one) != r.worker_id})) for r in renewals
    ]


def _active(connection: Connection, leases: Sequence[str]) -> dict[str, str]:
    """Whose each lease is, of those in force."""
    found: dict[str, str] = {}
    for at in range(0, len(leases), _AT_A_TIME):
        some = leases[at : at + _AT_A_TIME]
        found |= {row.id: row.worker_id for row in connection.execute(_ACTIVE, {"leases": some})}
    return found


def note_facts(connection: Connection, worker_id: str, facts: MachineFacts) -> None:
    """Note what a worker's machine is now."""
    connection.execute(
        update(t.workers)
        .where(t.workers.c.id == worker_id)
        .values(facts=msgspec.to_builtins(facts), last_seen_at=database_now(connection))
    )


def note_replaced(connection: Connection, worker_id: str, host: str) -> None:
    """Note that two processes showed the key of one worker, for its people to see."""
    reason = f"{_REPLACED}; the newer one, on {host[:200] or 'an unknown host'}, is served"
    connection.execute(update(t.workers).where(t.workers.c.id == worker_id).values(reason=reason))


_REPLACED = "two processes use its key"
