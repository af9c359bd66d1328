"""Ending leases whose time is over, and giving them their whole life when nobody could renew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, Row, bindparam, case, literal, select, update

from framefarm.core.grace import Disturbance, Moment, Watch
from framefarm.core.requirements import Pool
from framefarm.core.states import WORKER, WorkerEvent, WorkerState
from framefarm.db import Prepared, database_now
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.news import News
from framefarm.farm.requeue import end_leases
from framefarm.farm.worker_states import see_anew

_log = structlog.get_logger(__name__)
_AT_A_TIME = 1_000


@dataclass(frozen=True)
class LeaseLives:
    """How long a lease lives without a heartbeat, by its worker's pool (L3).

    Attributes:
        lease_s: In the pool `own`.
        public_lease_s: In the others, whose lines are worse.
    """

    lease_s: float = 30.0
    public_lease_s: float = 120.0

    def of(self, pool: Pool | str) -> float:
        """The life of a lease in a pool."""
        return self.lease_s if pool == Pool.OWN else self.public_lease_s

    def ends_at(self, now: float) -> ColumnElement[float]:
        """When leases that begin now end, as an expression over rows of `leases`."""
        others = select(t.workers.c.id).where(t.workers.c.pool != Pool.OWN)
        return case(
            (t.leases.c.worker_id.in_(others), literal(now + self.public_lease_s)),
            else_=literal(now + self.lease_s),
        )


@dataclass(frozen=True)
class Round:
    """What one round of the duty did. The watch counts only once the round is durable."""

    news: News
    watch: Watch
    disturbance: Disturbance | None = None


def expiry_round(
    connection: Connection,
    catalog: Catalog,
    watch: Watch,
    lives: LeaseLives,
    *,
    monotonic_s: float,
    outages: int = 0,
) -> Round:
    """End leases that are over, unless something kept workers from renewing them (L1, L7).

    Args:
        monotonic_s: The manager's monotonic clock now.
        outages: How many groups of writes the database has refused so far.
    """
    now = Moment(monotonic_s, database_now(connection), outages)
    disturbance = watch.disturbance(now)
    if disturbance is not None:
        begin_anew(connection, lives)
        if disturbance is not Disturbance.START:
            see_anew(connection, now.database_at)
        return Round(News(), watch.after(now), disturbance)
    clock_was_set = mend_impossible(connection, lives, watch, now.database_at) > 0
    if clock_was_set:
        see_anew(connection, now.database_at)
    # By the time that was looked at: a clock set between two looks would end them all.
    over = _over(connection, now.database_at)
    ended = _end(connection, catalog, over, now.database_at)
    after = watch.after(now, backlog=len(over) == _AT_A_TIME)
    return Round(ended, after, Disturbance.CLOCK if clock_was_set else None)


def begin_anew(connection: Connection, lives: LeaseLives) -> int:
    """Give every lease its whole life from now on; returns how many there are."""
    return _renew(connection, lives, t.leases.c.state == "active")


def mend_impossible(connection: Connection, lives: LeaseLives, watch: Watch, now: float) -> int:
    """Give a whole life to leases whose end no clock that goes right can have set.

    A clock that is set by an hour and right again between two rounds shows in neither of them, but
    what was renewed meanwhile ends an hour too early or too late (L7).

    Args:
        now: The database's time of this round.

    Returns:
        How many there are.
    """
    longest_s = max(lives.lease_s, lives.public_lease_s)
    latest = now + longest_s + watch.limits.step_s
    earliest = watch.all_ended_until or 0.0
    if not _IMPOSSIBLE.rows(connection, earliest=earliest, latest=latest):
        return 0
    wrong = (t.leases.c.expires_at > latest) | (t.leases.c.expires_at < earliest)
    return _renew(connection, lives, (t.leases.c.state == "active") & wrong)


def _renew(connection: Connection, lives: LeaseLives, which: ColumnElement[bool]) -> int:
    ends_at = lives.ends_at(database_now(connection))
    return connection.execute(update(t.leases).where(which).values(expires_at=ends_at)).rowcount


# Built once: they run every second, and building one costs more than running it.
_IMPOSSIBLE = Prepared(
    select(t.leases.c.id)
    .where(
        t.leases.c.state == "active",
        (t.leases.c.expires_at > bindparam("latest"))
        | (t.leases.c.expires_at < bindparam("earliest")),
    )
    .limit(1)
)
_OVER = Prepared(
    select(t.leases)
    .where(t.leases.c.state == "active", t.leases.c.expires_at < bindparam("now"))
    .order_by(t.leases.c.expires_at, t.leases.c.id)
    .limit(_AT_A_TIME)
)


def expire(connection: Connection, catalog: Catalog, *, now: float | None = None) -> News:
    """End leases whose time is over (L1); at most 1,000 a call.

    Args:
        now: The database's time; None asks for it.
    """
    now = database_now(connection) if now is None else now
    return _end(connection, catalog, _over(connection, now), now)


def _over(connection: Connection, now: float) -> Sequence[Row[Any]]:
    found: Sequence[Row[Any]] = _OVER.rows(connection, now=now)
    return found


def _end(connection: Connection, catalog: Catalog, rows: Sequence[Row[Any]], now: float) -> News:
    if not rows:
        return News()
    _note_lost(connection, {row.worker_id for row in rows})
    return end_leases(connection, catalog, rows, reason="expired", now=now, lost=True)


def _note_lost(connection: Connection, worker_ids: set[str]) -> None:
    """Show workers that fell silent while connected as `lost`; a heartbeat brings them back.

    One that drains stays so: what a person asked for must not be forgotten over it.
    """
    present = [WorkerState.IDLE, WorkerState.BUSY]
    assert all(state in WORKER.sources(WorkerEvent.LOSE) for state in present)
    connection.execute(
        update(t.workers)
        .where(t.workers.c.id.in_(sorted(worker_ids)), t.workers.c.state.in_(present))
        .values(state=WorkerState.LOST)
    )
