"""How many slots may work for a job, and for an owner, at a time.

A job on which as many slots work as it may have is at its limit: none of its stages is claimable,
so that claims do not look at it however many such jobs wait. The first claim after one of its
leases ended opens it again. An owner's limit is looked at by queue, of which each has one owner.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    case,
    false,
    func,
    literal_column,
    select,
    true,
    update,
)

from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.pool_limits import PoolRoom
from framefarm.farm.settling import refresh_claimable

_ACTIVE = t.leases.c.state == literal_column("'active'")
_IN_FORCE = literal_column("leases.state || ''") == literal_column("'active'")
"""The same for the leases of one job: by their stage, and not through all that are in force."""


def _slots_of(job: ColumnElement[int]) -> Any:
    """How many leases of a job are in force."""
    return (
        select(func.count())
        .select_from(t.leases.join(t.stages, t.stages.c.id == t.leases.c.stage_id))
        .where(t.stages.c.job_id == job, _IN_FORCE)
        .scalar_subquery()
    )


_BY_OWNER = Prepared(
    select(t.jobs.c.owner, func.count())
    .select_from(t.leases)
    .join(t.stages, t.stages.c.id == t.leases.c.stage_id)
    .join(t.jobs, t.jobs.c.id == t.stages.c.job_id)
    .where(_ACTIVE)
    .group_by(t.jobs.c.owner)
)
_MOST_BY_OWNER = Prepared(
    select(t.users.c.name, t.users.c.max_slots).where(t.users.c.max_slots.is_not(None))
)
_OF_JOB = Prepared(
    select(func.count())
    .select_from(t.leases.join(t.stages, t.stages.c.id == t.leases.c.stage_id))
    .where(t.stages.c.job_id == bindparam("job"), _IN_FORCE)
)
_AT_LIMIT = Prepared(
    select(t.jobs.c.id, t.jobs.c.max_workers, _slots_of(t.jobs.c.id).label("slots")).where(
        t.jobs.c.at_limit
    )
)
_SETTLE = Prepared(
    update(t.jobs)
    .where(t.jobs.c.id == bindparam("job"))
    .values(at_limit=case((t.jobs.c.max_workers <= _slots_of(t.jobs.c.id), true()), else_=false()))
)
_STAGES = Prepared(select(t.stages.c.id).where(t.stages.c.job_id == bindparam("job")))


class Limited:
    """What limits kept back when slots last asked, so that these are woken when it may go on.

    Safe to use from any thread. It may hold too much, which costs a look for work; never too
    little.
    """

    def __init__(self) -> None:
        self._jobs: set[int] = set()
        self._owners: set[str] = set()
        self._pools = False
        self._lock = threading.Lock()

    def note(self, jobs: Iterable[int], owners: Iterable[str], *, pools: bool = False) -> None:
        """Slots that wait were kept from these; whether also for their pool, from any job."""
        with self._lock:
            self._jobs.update(jobs)
            self._owners.update(owners)
            self._pools |= pools

    def concerned(self, jobs: Iterable[int], owner_of: Any) -> bool:
        """Whether something that changed in these jobs may let slots go on that were kept back.

        Args:
            owner_of: Tells a job's owner, None when it does not know.
        """
        if not self._jobs and not self._owners and not self._pools:
            return False
        with self._lock:
            found = self._jobs.intersection(jobs)
            owners = {owner_of(job) for job in jobs} if self._owners else set()
            theirs = self._owners if None in owners else self._owners & owners
            self._jobs -= found
            self._owners = self._owners - theirs
            pools, self._pools = self._pools, False
        return bool(found or theirs or pools)


class Room:
    """How many more slots jobs and owners may have, during one group of claims.

    Args:
        connection: Open transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._by_owner: Counter[str] | None = None
        self._most: dict[str, int] | None = None
        self._left: dict[int, int] = {}
        self.full_owners: set[str] = set()
        self.pools = PoolRoom(connection)

    @property
    def full_jobs(self) -> list[int]:
        """Those looked at that may have no more."""
        return sorted(job for job, left in self._left.items() if left <= 0)

    def taken_by(self, owner: str) -> int:
        """How many leases an owner has."""
        if self._by_owner is None:
            self._by_owner = Counter(dict(_BY_OWNER.rows(self._connection)))
        return self._by_owner[owner]

    def most_of(self, owner: str) -> int | None:
        """How many slots an owner may have; None for any number."""
        if self._most is None:
            self._most = dict(_MOST_BY_OWNER.rows(self._connection))
        return self._most.get(owner) if self._most else None

    def full_for(self, owner: str, pool: str) -> bool:
        """Whether an owner may have no more slots, or none of a pool."""
        return self.quota_full(owner) or self.pools.full_for_owner(pool, owner)

    def quota_full(self, owner: str) -> bool:
        """Whether an owner may have no more slots of any pool."""
        most = self.most_of(owner)
        if most is None or self.taken_by(owner) < most:
            return False
        self.full_owners.add(owner)
        return True

    def full(self, stage: Any, pool: str) -> bool:
        """Whether a stage's job may have no more slots, or none of a pool."""
        return self._job_full(stage) or self.pools.full_for_job(pool, stage.job_id)

    def _job_full(self, stage: Any) -> bool:
        if stage.max_workers is None:
            return False
        if stage.job_id not in self._left:
            [[taken]] = _OF_JOB.rows(self._connection, job=stage.job_id)
            self._left[stage.job_id] = stage.max_workers - taken
        return self._left[stage.job_id] <= 0

    def take(self, owner: str, stage: Any, pool: str) -> None:
        """Count a lease that was made."""
        self.pools.take(pool, owner, stage.job_id)
        if self._by_owner is not None:
            self._by_owner[owner] += 1
        if stage.job_id in self._left:
            self._left[stage.job_id] -= 1


def note_limits(connection: Connection, room: Room, limited: Limited) -> None:
    """Keep back jobs that have all the slots they may have, and note what was kept back."""
    full = room.full_jobs
    if full or room.full_owners or room.pools.kept:
        limited.note(full, room.full_owners, pools=room.pools.kept)
    for job_id in full:
        settle_limit(connection, job_id)


def open_jobs(connection: Connection, limited: Limited) -> None:
    """Let jobs go on that were at their limit and may have more slots now."""
    rows = _AT_LIMIT.rows(connection)
    if not rows:
        return
    limited.note((row.id for row in rows), ())
    for row in rows:
        if row.max_workers is None or row.slots < row.max_workers:
            settle_limit(connection, row.id)


def settle_limit(connection: Connection, job_id: int) -> None:
    """Keep a job back, or let it go on, as its limit and the slots that it has say."""
    _SETTLE.run(connection, job=job_id)
    refresh_claimable(connection, [row.id for row in _STAGES.rows(connection, job=job_id)])


def slots_of_owner(connection: Connection, owner: str) -> int:
    """How many leases an owner has."""
    return Room(connection).taken_by(owner)


def what_holds_back(connection: Connection, job: Any) -> str:
    """The limit that keeps a job from more slots, and what would change it; empty for none."""
    room = Room(connection)
    if job.at_limit:
        [[taken]] = _OF_JOB.rows(connection, job=job.id)
        return (
            f"It has {taken:,} of the {job.max_workers:,} slots that it may have at a time; "
            f"`framefarm limit {job.id} {job.max_workers + 1}` lets one more work on it, "
            f"`framefarm limit {job.id} none` any number."
        )
    if room.quota_full(job.owner):
        taken, most = room.taken_by(job.owner), room.most_of(job.owner)
        return (
            f"{job.owner} has {taken:,} of the {most:,} slots that {job.owner}'s jobs may have at "
            f"a time; an admin changes that with `framefarm users quota {job.owner} --slots N`."
        )
    return ""
