"""What there is to work on, in the order in which it is given out (L12).

Stages that ask the same of a worker, for the same owner, wait in one queue. A group of claims so
looks at the first few stages of each queue, by index, however many jobs wait: 10,000 waiting jobs
cost a claim as much as one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, func, select, tuple_

from framefarm.core.requirements import Ability, Requirements, requirements_of
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.carving import Source
from framefarm.farm.limits import Room

_AT_A_TIME = 32


def _queues_in_use() -> Prepared:
    """The queues of all claimable stages, each with what its best stage is ordered by.

    A few index look-ups for each queue, in one statement, and no walk over the stages.
    """
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
    best = select(found.c.queue, _best(func.max(t.stages.c.priority), queue=found.c.queue)).where(
        found.c.queue.is_not(None)
    )
    queues = best.subquery("queues")
    oldest = _best(func.min(t.stages.c.job_id), queue=queues.c.queue, priority=queues.c.priority)
    return Prepared(select(queues.c.queue, queues.c.priority, oldest))


def _best(what: Any, *, queue: Any, priority: Any = None) -> Any:
    """The lowest or highest of something in a queue, as a subquery named like its column."""
    [column] = what.clauses
    asked = select(what).where(t.stages.c.claimable, t.stages.c.queue == queue)
    if priority is not None:
        asked = asked.where(t.stages.c.priority == priority)
    return asked.scalar_subquery().label(column.name)


_QUEUES = _queues_in_use()
_IN_QUEUE = t.stages.c.claimable & (t.stages.c.queue == bindparam("queue"))
_NEXT_PRIORITY = Prepared(
    select(func.max(t.stages.c.priority)).where(
        _IN_QUEUE, t.stages.c.priority < bindparam("below", type_=Integer)
    )
)
_COLUMNS = (
    t.stages.c.id,
    t.stages.c.job_id,
    t.stages.c.position,
    t.stages.c.priority,
    t.stages.c.pending,
    t.stages.c.largest_lease,
    t.stages.c.blend_sha256,
    t.stages.c.queue,
    t.stages.c.seal_key,
    t.stages.c.blender,
    t.stages.c.needs_position,
    t.stages.c.max_workers,
    t.stages.c.on_trial,
)
_HOLDING = Prepared(
    select(*_COLUMNS)
    .where(t.stages.c.claimable, t.stages.c.blend_sha256 == bindparam("blend"))
    .order_by(t.stages.c.priority.desc(), t.stages.c.job_id, t.stages.c.position)
    .limit(_AT_A_TIME)
)
_STAGES = Prepared(
    select(*_COLUMNS)
    .where(
        _IN_QUEUE,
        t.stages.c.priority == bindparam("priority", type_=Integer),
        tuple_(t.stages.c.job_id, t.stages.c.position)
        > tuple_(bindparam("job", type_=t.Key), bindparam("position", type_=Integer)),
    )
    .order_by(t.stages.c.job_id, t.stages.c.position)
    .limit(_AT_A_TIME)
)
_BEFORE_ALL = (-1, -1)
_LAST_POSITION = 1 << 30


_Key = tuple[int, int, int, int]
"""By what stages are ordered: the lowest goes first."""


class Queue:
    """The stages of one queue that can be leased, loaded as far as they are looked at.

    Args:
        offer: Knows the sources there are by now.
        row: What `_QUEUES` tells of it.
    """

    def __init__(self, offer: Offer, row: Any) -> None:
        self.asked = requirements_of(row.queue)
        self._offer = offer
        self._text = row.queue
        self._best: tuple[int, int] = (row.priority, row.job_id)
        self._sources: list[Source] = []
        self._used_up = 0
        self._priority: int | None = row.priority
        self._after = _BEFORE_ALL

    def __iter__(self) -> Iterator[Source]:
        """Those that have units left, highest priority first, then oldest job first."""
        while self._used_up < len(self._sources) and not self._sources[self._used_up].left:
            self._used_up += 1
        at = self._used_up
        while at < len(self._sources) or self._load():
            if self._sources[at].left:
                yield self._sources[at]
            at += 1

    def expected(self) -> tuple[int, int]:
        """Priority and job of the first of them; they may be better than what there is."""
        if self._used_up < len(self._sources):
            stage = self._sources[self._used_up].stage
            self._best = (stage.priority, stage.job_id)
        return self._best

    def _load(self) -> bool:
        """Load some more; False when there are none."""
        while self._priority is not None:
            rows = self._rows()
            if rows:
                self._after = (rows[-1].job_id, rows[-1].position)
                self._sources += [self._offer.source(row, self.asked) for row in rows]
                return True
            [[self._priority]] = _NEXT_PRIORITY.rows(
                self._offer.connection, queue=self._text, below=self._priority
            )
            self._after = _BEFORE_ALL
        return False

    def _rows(self) -> Sequence[Any]:
        job, position = self._after
        return _STAGES.rows(
            self._offer.connection,
            queue=self._text,
            priority=self._priority,
            job=job,
            position=position,
        )


class Offer:
    """All that can be leased during one group of claims.

    Args:
        connection: Open transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._queues: list[Queue] = []
        self._reserved: dict[int, list[Queue]] = {}
        for row in _QUEUES.rows(connection):
            queue = Queue(self, row)
            job = queue.asked.job
            (self._reserved.setdefault(job, []) if job else self._queues).append(queue)
        self._sources: dict[int, Source] = {}
        self._holding: dict[str, list[Source]] = {}
        self._suited: dict[Ability, list[Queue]] = {}
        self._alone: bool | None = None
        self.room = Room(connection)

    @property
    def sources(self) -> Iterable[Source]:
        """Those that were looked at."""
        return self._sources.values()

    def queues(self) -> Iterator[Queue]:
        """All of them, also those of sessions."""
        return chain(self._queues, *self._reserved.values())

    def source(self, row: Any, asked: Requirements) -> Source:
        """The one source of a stage."""
        found = self._sources.get(row.id)
        if found is None:
            found = self._sources[row.id] = Source(self.connection, row, asked)
        return found

    def preferred(
        self, ability: Ability, *, warm: str | None, cached: frozenset[str]
    ) -> Iterator[Source]:
        """What a slot may work on, best first; a source may come twice.

        The job in whose session its worker is comes before all others. Where that has nothing for
        the slot just now, the slot is lent to those that are in no session.

        Args:
            ability: What the slot can do.
            warm: SHA-256 of the .blend its Blender holds open.
            cached: SHA-256 of the .blends on its disk.
        """
        pool = ability.pool
        if ability.job:
            its = self._reserved.get(ability.job, ())
            yield from self._merged([queue for queue in its if ability.suits(queue.asked)], pool)
            ability = ability.of_nobody
        in_order = self._merged(self._suiting(ability), pool)
        first = next(in_order, None)
        if first is None:
            return
        if first.stage.blend_sha256 != warm:
            if warm is not None:
                yield from self._as_good(first, self._holders(warm), ability)
            if cached and first.stage.blend_sha256 not in cached:
                on_disk = [s for s in self.sources if s.stage.blend_sha256 in cached]
                yield from self._as_good(first, on_disk, ability)
        yield first
        yield from in_order

    def note_taken(self, source: Source, pool: str) -> None:
        """Count a lease for its owner, its job and the pool of its worker."""
        self.room.take(source.asked.owner, source.stage, pool)

    def _suiting(self, ability: Ability) -> list[Queue]:
        if ability not in self._suited:
            found = [queue for queue in self._queues if ability.suits(queue.asked)]
            self._suited[ability] = found
        return self._suited[ability]

    def _merged(self, queues: list[Queue], pool: str) -> Iterator[Source]:
        """The sources of several queues in one order; a queue is loaded when its turn comes."""
        if len(queues) == 1 and not self.room.full_for(queues[0].asked.owner, pool):
            yield from queues[0]
            return
        heap: list[tuple[_Key, int, Iterator[Source], Source | None]] = []
        for number, queue in enumerate(queues):
            if self.room.full_for(queue.asked.owner, pool):
                continue
            priority, job = queue.expected()
            key = (-priority, self._share(queue.asked), job, -_LAST_POSITION)
            heap.append((key, number, iter(queue), None))
        heapq.heapify(heap)
        while heap:
            _, number, rest, source = heapq.heappop(heap)
            if source is not None:
                yield source
            following = next(rest, None)
            if following is not None:
                heapq.heappush(heap, (self._key(following), number, rest, following))

    def _as_good(self, first: Source, sources: Iterable[Source], ability: Ability) -> list[Source]:
        """Those that are no less urgent than the first, and whose owner has no more slots."""
        return [
            source
            for source in sources
            if source.left
            and source.stage.priority == first.stage.priority
            and self._share(source.asked) <= self._share(first.asked)
            and ability.suits(source.asked)
            and not self.room.full_for(source.asked.owner, ability.pool)
        ]

    def _holders(self, blend: str) -> list[Source]:
        """Stages that render a .blend."""
        if blend not in self._holding:
            rows = _HOLDING.rows(self.connection, blend=blend)
            self._holding[blend] = [self.source(row, requirements_of(row.queue)) for row in rows]
        return self._holding[blend]

    def _key(self, source: Source) -> _Key:
        stage = source.stage
        return -stage.priority, self._share(source.asked), stage.job_id, -stage.position

    def _share(self, asked: Requirements) -> int:
        """How many leases an owner has; the same for all where there is but one."""
        if self._alone is None:
            self._alone = len({queue.asked.owner for queue in self.queues()}) <= 1
        return 0 if self._alone else self.room.taken_by(asked.owner)
