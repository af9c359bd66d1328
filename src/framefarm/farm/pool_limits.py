"""How many slots of a pool may work at a time: in all, for one owner, and for one job.

Pools without such a limit cost a claim one look at a table of three rows; of those that have one
the leases in force are counted, once for each group of claims.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select

from framefarm.core.requirements import Pool, trusted_enough
from framefarm.db import Prepared
from framefarm.db import tables as t

_LIMITS = Prepared(select(t.pools))
_TAKEN = Prepared(
    select(t.jobs.c.owner, t.jobs.c.id, func.count())
    .select_from(t.leases)
    .join(t.workers, t.workers.c.id == t.leases.c.worker_id)
    .join(t.stages, t.stages.c.id == t.leases.c.stage_id)
    .join(t.jobs, t.jobs.c.id == t.stages.c.job_id)
    .where(t.leases.c.state == literal_column("'active'"), t.workers.c.pool == bindparam("pool"))
    .group_by(t.jobs.c.owner, t.jobs.c.id)
)


@dataclass
class _Taken:
    """Slots of a pool that work, and for whom."""

    by_owner: Counter[str]
    by_job: Counter[int]

    @property
    def all(self) -> int:
        return self.by_owner.total()


class PoolRoom:
    """How many more slots of each pool may work, during one group of claims.

    Args:
        connection: Open transaction.

    Attributes:
        kept: Whether anything was kept back.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._limits: dict[str, Any] | None = None
        self._taken: dict[str, _Taken] = {}
        self.kept = False

    def limits(self, pool: str) -> Any:
        """A pool's row, None where it has no limits."""
        if self._limits is None:
            self._limits = {row.name: row for row in _LIMITS.rows(self._connection)}
        return self._limits.get(pool)

    def taken(self, pool: str) -> _Taken:
        """How many slots of a pool work."""
        if pool not in self._taken:
            taken = _Taken(Counter(), Counter())
            for owner, job, count in _TAKEN.rows(self._connection, pool=pool):
                taken.by_owner[owner] += count
                taken.by_job[job] += count
            self._taken[pool] = taken
        return self._taken[pool]

    def full(self, pool: str) -> bool:
        """Whether no more slots of a pool may work."""
        most = self._most(pool, "max_slots")
        return most is not None and self._kept(self.taken(pool).all >= most)

    def full_for_owner(self, pool: str, owner: str) -> bool:
        """Whether no more slots of a pool may work for an owner."""
        most = self._most(pool, "max_slots_per_user")
        return most is not None and self._kept(self.taken(pool).by_owner[owner] >= most)

    def full_for_job(self, pool: str, job: int) -> bool:
        """Whether no more slots of a pool may work for a job."""
        most = self._most(pool, "max_slots_per_job")
        return most is not None and self._kept(self.taken(pool).by_job[job] >= most)

    def take(self, pool: str, owner: str, job: int) -> None:
        """Count a lease that was made."""
        if pool in self._taken:
            self._taken[pool].by_owner[owner] += 1
            self._taken[pool].by_job[job] += 1

    def _most(self, pool: str, which: str) -> int | None:
        limits = self.limits(pool)
        return None if limits is None else getattr(limits, which)

    def _kept(self, full: bool) -> bool:  # noqa: FBT001  the answer that passes through
        self.kept |= full
        return full


def pools_holding_back(connection: Connection, job: Any) -> dict[str, str]:
    """The pools of which no more slots may work on a job: the limit, and what would change it."""
    room = PoolRoom(connection)
    told = ((pool.value, next(_limits(room, pool, job), "")) for pool in Pool)
    return {pool: text for pool, text in told if text}


def _limits(room: PoolRoom, pool: Pool, job: Any) -> Iterator[str]:
    """The limits of a pool that are reached."""
    row = room.limits(pool)
    if row is None or not trusted_enough(pool, job.pool):
        return
    taken, change = room.taken(pool), f"`framefarm pools limit {pool}"
    if room.full(pool):
        yield (
            f"{taken.all:,} of the {row.max_slots:,} slots of pool {pool} that may work at a time "
            f"do; {change} {row.max_slots + 1}` lets one more work"
        )
    if room.full_for_owner(pool, job.owner):
        most = row.max_slots_per_user
        yield (
            f"{job.owner or 'nobody'} has {taken.by_owner[job.owner]:,} of the {most:,} slots of "
            f"pool {pool} that one person may have; {change} --per-user {most + 1}` changes that"
        )
    if room.full_for_job(pool, job.id):
        most = row.max_slots_per_job
        yield (
            f"the job has {taken.by_job[job.id]:,} of the {most:,} slots of pool {pool} that one "
            f"job may have; {change} --per-job {most + 1}` changes that"
        )
