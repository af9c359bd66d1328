"""Pools as people see them: who is in them, how much of them works, and how much may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.requirements import Pool
from framefarm.db import tables as t
from framefarm.farm.roster import Link

LIMITS = ("max_slots", "max_slots_per_user", "max_slots_per_job")


class NoSuchPoolError(FrameFarmError):
    """There is no pool of that name."""

    code = "no_such_pool"

    def __init__(self, name: str) -> None:
        names = ", ".join(Pool)
        super().__init__(f"There is no pool {name[:40]!r}; there are {names}.")


@dataclass(frozen=True)
class PoolView:
    """A pool.

    Attributes:
        workers: That are in it and were not revoked.
        connected: Those of them that are here now.
        slots: Of the connected ones.
        busy: Slots with a lease.
        max_slots: That may work at a time; None for all.
        max_slots_per_user: The same, for the jobs of one owner.
        max_slots_per_job: The same, for one job.
    """

    name: str
    workers: int
    connected: int
    slots: int
    busy: int
    max_slots: int | None = None
    max_slots_per_user: int | None = None
    max_slots_per_job: int | None = None


def pool_named(name: str) -> Pool:
    """A pool by its name.

    Raises:
        NoSuchPoolError: There is none of that name.
    """
    if name not in list(Pool):
        raise NoSuchPoolError(name)
    return Pool(name)


def view_pools(connection: Connection, links: Iterable[Link]) -> list[PoolView]:
    """All pools, the most trusted first.

    Args:
        links: The connected workers.
    """
    return [_view(connection, pool, links) for pool in Pool]


def view_pool(connection: Connection, pool: Pool, links: Iterable[Link]) -> PoolView:
    """One pool."""
    return _view(connection, pool, links)


def limit_pool(connection: Connection, pool: Pool, limits: Mapping[str, int | None]) -> None:
    """Change how many slots of a pool may work at a time.

    It holds from the next leases on; nothing is taken from anyone.

    Args:
        limits: Those of `LIMITS` that change.
    """
    if not limits:
        return
    here = t.pools.c.name == pool
    if connection.execute(update(t.pools).where(here).values(**limits)).rowcount == 0:
        connection.execute(insert(t.pools).values(name=pool, **limits))


def _view(connection: Connection, pool: Pool, links: Iterable[Link]) -> PoolView:
    its = t.workers.c.pool == pool
    row = connection.execute(select(t.pools).where(t.pools.c.name == pool)).one_or_none()
    workers = select(func.count()).where(its, t.workers.c.revoked_at.is_(None))
    busy = (
        select(func.count())
        .select_from(t.leases.join(t.workers, t.workers.c.id == t.leases.c.worker_id))
        .where(its, t.leases.c.state == "active")
    )
    here = [link for link in links if link.pool is pool]
    return PoolView(
        name=pool,
        workers=connection.execute(workers).scalar_one(),
        connected=len(here),
        slots=sum(len(link.slots) for link in here),
        busy=connection.execute(busy).scalar_one(),
        **{name: getattr(row, name, None) for name in LIMITS},
    )
