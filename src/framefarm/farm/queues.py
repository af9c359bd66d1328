"""What there is to work on, in the order in which it is given out (L12).

Stages that ask the same of a worker, for the same owner, wait in one queue. A group of claims so
looks at the first few stages of each queue, by index, however many jobs wait: 10,000 waiting jobs
cost a claim as much as one.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, func, literal_column, select, tuple_

from framefarm.core.requirements import Ability, requirements_of
from framefarm.db import tables as t
from framefarm.farm.carving import Source

_AT_A_TIME = 32


def _queues_in_use() -> Any:
    """The queues of all claimable stages: an index look-up for each, no walk over the stages."""
    first = (
        select(func.min(t.stages.c.queue).label("queue"))
        .where(t.stages.c.claimable)
        .cte("found", recursive=True)
    )
    following = (
        select(func.min(t.stages.c.queue))
        .where(t.stages.c.claimable, t.stages.c.queue > first.c.queue)
        .scalar_subquery()
    )
    found = first.union_all(select(following).where(first.c.queue.is_not(None)))
    return select(found.c.queue).where(found.c.queue.is_not(None))


_QUEUES = _queues_in_use()
_IN_QUEUE = t.stages.c.claimable & (t.stages.c.queue == bindparam("queue"))
_NEXT_PRIORITY = select(func.max(t.stages.c.priority)).where(
    _IN_QUEUE, t.stages.c.priority < bindparam("below", type_=Integer)
)
_STAGES = (
    select(
        t.stages.c.id,
        t.stages.c.job_id,
        t.stages.c.position,
        t.stages.c.priority,
        t.stages.c.pending,
        t.stages.c.largest_lease,
        t.stages.c.blend_sha256,
    )
    .where(
        _IN_QUEUE,
        t.stages.c.priority == bindparam("priority", type_=Integer),
        tuple_(t.stages.c.job_id, t.stages.c.position)
        > tuple_(bindparam("job", type_=t.Key), bindparam("position", type_=Integer)),
    )
    .order_by(t.stages.c.job_id, t.stages.c.position)
    .limit(_AT_A_TIME)
)
_RUNNING = (
    select(t.jobs.c.owner, func.count())
    .select_from(t.leases)
    .join(t.stages, t.stages.c.id == t.leases.c.stage_id)
    .join(t.jobs, t.jobs.c.id == t.stages.c.job_id)
    .where(t.leases.c.state == literal_column("'active'"))
    .group_by(t.jobs.c.owner)
)
_ABOVE_ALL = 1 << 30
_BEFORE_ALL = (-1, -1)


_Key = tuple[int, int, int, int]
"""By what sources are ordered: the lowest goes first."""


class Queue:
    """The stages of one queue that can be leased, loaded as far as they are looked at."""

    def __init__(self, connection: Connection, text: str) -> None:
        self.asked = requirements_of(text)
        self.sources: list[Source] = []
        self._connection = connection
        self._text = text
        self._used_up = 0
        self._priority: int | None = _ABOVE_ALL
        self._after = _BEFORE_ALL

    def __iter__(self) -> Iterator[Source]:
        """Those that have units left, highest priority first, then oldest job first."""
        while self._used_up < len(self.sources) and not self.sources[self._used_up].left:
            self._used_up += 1
        at = self._used_up
        while at < len(self.sources) or self._load():
            if self.sources[at].left:
                yield self.sources[at]
            at += 1

    def head(self) -> Source | None:
        """The first of them."""
        return next(iter(self), None)

    def _load(self) -> bool:
        """Load some more; False when there are none."""
        while self._priority is not None:
            rows = self._rows() if self._priority < _ABOVE_ALL else ()
            if rows:
                self._after = (rows[-1].job_id, rows[-1].position)
                self.sources += [Source(self._connection, row, self.asked) for row in rows]
                return True
            below = {"queue": self._text, "below": self._priority}
            self._priority = self._connection.execute(_NEXT_PRIORITY, below).scalar_one()
            self._after = _BEFORE_ALL
        return False

    def _rows(self) -> Sequence[Any]:
        job, position = self._after
        where = {"queue": self._text, "priority": self._priority, "job": job, "position": position}
        return self._connection.execute(_STAGES, where).all()


class Offer:
    """All that can be leased during one group of claims.

    Args:
        connection: Open transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        texts = connection.execute(_QUEUES).scalars().all()
        self._queues = [Queue(connection, text) for text in texts]
        self._suited: dict[Ability, list[Queue]] = {}
        self._running: Counter[str] | None = None

    @property
    def sources(self) -> Iterator[Source]:
        """Those that were looked at."""
        return (source for queue in self._queues for source in queue.sources)

    def preferred(
        self, ability: Ability, *, warm: str | None, cached: frozenset[str]
    ) -> Iterator[Source]:
        """What a slot may work on, best first; a source may come twice.

        Args:
            ability: What the slot can do.
            warm: SHA-256 of the .blend its Blender holds open.
            cached: SHA-256 of the .blends on its disk.
        """
        queues = [queue for queue in self._suiting(ability) if queue.head() is not None]
        if not queues:
            return
        yield from self._at_hand(queues, warm, cached)
        if len(queues) == 1:
            yield from queues[0]
        else:
            yield from heapq.merge(*queues, key=self._key)

    def note_taken(self, source: Source) -> None:
        """Count a lease for its owner."""
        if self._running is not None:
            self._running[source.asked.owner] += 1

    def _suiting(self, ability: Ability) -> list[Queue]:
        if ability not in self._suited:
            found = [queue for queue in self._queues if ability.suits(queue.asked)]
            self._suited[ability] = found
        return self._suited[ability]

    def _at_hand(
        self, queues: list[Queue], warm: str | None, cached: frozenset[str]
    ) -> Iterator[Source]:
        """What the slot has open, else on its disk, among the best priority and fairest owners."""
        if warm is None and not cached:
            return
        first = min((head for queue in queues if (head := queue.head())), key=self._key)
        if first.stage.blend_sha256 == warm:
            return
        near = [
            source
            for queue in queues
            for source in queue.sources
            if source.left
            and source.stage.priority == first.stage.priority
            and self._share(source) <= self._share(first)
        ]
        yield from (source for source in near if source.stage.blend_sha256 == warm)
        if first.stage.blend_sha256 not in cached:
            yield from (source for source in near if source.stage.blend_sha256 in cached)

    def _key(self, source: Source) -> _Key:
        stage = source.stage
        return -stage.priority, self._share(source), stage.job_id, -stage.position

    def _share(self, source: Source) -> int:
        """How many leases the owner of a source has."""
        if self._running is None:
            owners = {queue.asked.owner for queue in self._queues}
            self._running = self._count_running() if len(owners) > 1 else Counter()
        return self._running[source.asked.owner]

    def _count_running(self) -> Counter[str]:
        return Counter({owner: n for owner, n in self._connection.execute(_RUNNING)})  # noqa: C416
