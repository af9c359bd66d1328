"""Ending leases whose time is over, and giving them their whole life when nobody could renew."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from sqlalchemy import ColumnElement, Connection, bindparam, case, literal, select, update

from framefarm.core.grace import Disturbance, Moment, Watch
from framefarm.core.requirements import Pool
from framefarm.core.states import WORKER, WorkerEvent, WorkerState
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.news import News
from framefarm.farm.requeue import end_leases

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
    if disturbance is None:
        # By the time that was looked at: a clock set between two looks would end them all.
        ended = expire(connection, catalog, now=now.database_at)
        return Round(ended, watch.after(now))
    begin_anew(connection, lives)
    return Round(News(), watch.after(now), disturbance)


def begin_anew(connection: Connection, lives: LeaseLives) -> int:
    """Give every lease its whole life from now on; returns how many there are."""
    now = database_now(connection)
    anew = update(t.leases).where(t.leases.c.state == "active")
    return connection.execute(anew.values(expires_at=lives.ends_at(now))).rowcount


# Built once: it runs every second, and building it costs more than running it.
_OVER = (
    select(t.leases)
    .where(t.leases.c.state == "active", t.leases.c.expires_at < bindparam("now"))
    .order_by(t.leases.c.expires_at)
    .limit(_AT_A_TIME)
)


def expire(connection: Connection, catalog: Catalog, *, now: float | None = None) -> News:
    """End leases whose time is over (L1); at most 1,000 a call.

    Args:
        now: The database's time; None asks for it.
    """
    now = database_now(connection) if now is None else now
    rows = connection.execute(_OVER, {"now": now}).all()
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
