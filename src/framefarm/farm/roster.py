"""The workers that are connected now, and what their slots do. Memory only."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from framefarm.core.blame import BlameLimits, enough_memory, rest_s
from framefarm.core.requirements import Ability, Pool, Requirements
from framefarm.core.sizing import Speed
from framefarm.core.spans import Spans
from framefarm.farm.fetching import Fetchable
from framefarm.farm.held_files import HeldFiles
from framefarm.protocol.messages import Bye, MachineFacts, Order, SlotOffer

_FINISHES = 8
"""What comes a second time comes soon; of ten thousand workers no more is to be kept."""

Send = Callable[[Sequence[Order]], Awaitable[None]]
Dismiss = Callable[[Bye], Awaitable[None]]


async def _not_connected(_: Bye) -> None:
    """There is nothing to close."""


@dataclass(frozen=True)
class Work:
    """What a slot works on, for people."""

    lease_id: str
    job_id: int
    stage_id: int
    kind: str
    units: str


@dataclass
class InWork:
    """The unit that a slot is at.

    Attributes:
        begun_at: When it was begun, monotonic seconds.
        heard_at: When a sign of progress last came.
        done, total: Its steps, as last reported.
    """

    unit: int
    begun_at: float
    heard_at: float
    done: int = 0
    total: int = 0


@dataclass
class Slot:
    """One slot of a connected worker.

    Attributes:
        ability: What it can do.
        waiting: Whether it asked for a lease and has none yet.
        asked_at: What the dispatcher had counted of work appearing when the slot asked.
        warm: SHA-256 of the .blend its Blender holds open.
        work: Its newest lease.
        at: The unit of it in work, as far as is known.
        stall_s: How long that may show no progress (L10).
    """

    offer: SlotOffer
    ability: Ability
    waiting: bool = False
    asked_at: int = 0
    warm: str | None = None
    work: Work | None = None
    at: InWork | None = None
    stall_s: float = 300.0

    def note_progress(self, unit: int, done: int, total: int) -> None:
        """Learn how far the unit in work is; with no steps at all, that it is begun."""
        now = time.monotonic()
        if self.at is None or self.at.unit != unit or not total:
            self.at = InWork(unit, now, now)
        if (done, total) != (self.at.done, self.at.total):
            self.at.heard_at = now
        self.at.done, self.at.total = done, total

    def note_sign(self, stage_id: int, unit: int) -> None:
        """Learn that a unit came to an end: if it is of the lease here, that goes on.

        What another slot of the worker made says nothing of a unit that hangs here (L10).
        """
        work = self.work
        if self.at is None or work is None or work.stage_id != stage_id:
            return
        if unit in Spans.restore(work.units):
            self.at.heard_at = time.monotonic()


@dataclass(eq=False)
class Link:
    """A connected worker.

    Attributes:
        send: Sends orders over its connection.
        dismiss: Says goodbye over it and closes it.
        pool: How far it is trusted.
        tags: What it carries.
        lease_s: How long its leases live without a heartbeat (L3).
        told: Stages whose task it has been sent.
        speeds: Seconds per unit, by stage.
        files: What it holds on its disk, as far as is known.
        may_fetch: What its newest leases need.
        barred: Kinds of stage and Blenders it gets nothing of (L9).
        probation: Those it gets one unit of.
        resting: Stages it gets nothing of for now (L13).
        rests: How many pauses from each stage are not over.
        failing: How many units of a stage failed here one after the other.
        finishes: Lease and unit of the last ones that it made.
        job: The job in whose session it is; 0 for none.
        takes_prefetch: Whether it knows the order to fetch files ahead.
        prefetched: Jobs whose files it was told to fetch.
    """

    worker_id: str
    name: str
    boot_id: str
    agent_version: str
    facts: MachineFacts
    slots: dict[str, Slot]
    send: Send
    dismiss: Dismiss = _not_connected
    enabled: bool = True
    pool: Pool = Pool.OWN
    tags: frozenset[str] = frozenset()
    lease_s: float = 30.0
    told: set[int] = field(default_factory=set)
    speeds: dict[int, Speed] = field(default_factory=dict)
    files: HeldFiles = field(default_factory=HeldFiles)
    may_fetch: Fetchable = field(default_factory=Fetchable)
    barred: frozenset[tuple[str, str]] = frozenset()
    probation: frozenset[tuple[str, str]] = frozenset()
    resting: frozenset[int] = frozenset()
    rests: Counter[int] = field(default_factory=Counter)
    failing: Counter[int] = field(default_factory=Counter)
    finishes: tuple[tuple[str, int], ...] = ()
    job: int = 0
    takes_prefetch: bool = False
    prefetched: set[int] = field(default_factory=set)

    def learn_abilities(self) -> None:
        """Say anew what its slots can do, after its tags or its session changed."""
        for slot in self.slots.values():
            slot.ability = ability_of(slot.offer, self.pool, self.tags, self.job)

    def rest(
        self, stage_id: int, limits: BlameLimits, sound_elsewhere: Callable[[], bool]
    ) -> float:
        """Count a failed unit of a stage; returns how long it is to rest from the stage now.

        Args:
            sound_elsewhere: See `rest_s`.
        """
        self.failing[stage_id] += 1
        die = random.random()  # noqa: S311  spreads retries
        pause_s = rest_s(self.failing[stage_id], die, limits, sound_elsewhere=sound_elsewhere)
        if pause_s:
            self.rests[stage_id] += 1
            self.resting |= {stage_id}
        return pause_s

    def rested(self, stage_id: int) -> None:
        """Let it have units of a stage again, once the last of its pauses is over.

        Slots fail units beside each other: the pause of an earlier failure must not end a later,
        longer one.
        """
        self.rests[stage_id] -= 1
        if self.rests[stage_id] <= 0:
            del self.rests[stage_id]
            self.resting -= {stage_id}

    def could(self, asked: Requirements, more_than_bytes: int = 0) -> bool:
        """Whether a slot here, with more than so much memory, may do a stage."""
        if (asked.kind, asked.blender) in self.barred:
            return False
        return any(
            slot.ability.suits(asked) and enough_memory(slot.ability.memory_bytes, more_than_bytes)
            for slot in self.slots.values()
        )

    def seconds_per_unit(self) -> dict[int, float]:
        """What units took here, by stage."""
        known = ((stage, speed.seconds_per_unit) for stage, speed in self.speeds.items())
        return {stage: seconds for stage, seconds in known if seconds is not None}

    def made(self, stage_id: int, lease_id: str, unit: int) -> None:
        """Count its failures of a stage anew: it has just sent what it made of a unit of it.

        What comes a second time was made before what went wrong since.
        """
        if (lease_id, unit) not in self.finishes:
            self.finishes = (*self.finishes, (lease_id, unit))[-_FINISHES:]
            self.failing.pop(stage_id, None)

    def took(self, stage_id: int, seconds: float) -> None:
        """Learn from a unit that is done."""
        self.speeds[stage_id] = self.speeds.get(stage_id, Speed()).after(seconds)
        if len(self.speeds) > _STAGES_REMEMBERED:
            del self.speeds[next(iter(self.speeds))]


_STAGES_REMEMBERED = 100


def slots_of(
    offers: Sequence[SlotOffer], pool: Pool = Pool.OWN, tags: Iterable[str] = (), job: int = 0
) -> dict[str, Slot]:
    """Slots as a worker offers them."""
    carried = frozenset(tags)
    return {offer.slot: Slot(offer, ability_of(offer, pool, carried, job)) for offer in offers}


def ability_of(offer: SlotOffer, pool: Pool, tags: frozenset[str], job: int = 0) -> Ability:
    """What a slot can do, in its worker's pool, with its tags, in the session of a job."""
    return Ability(
        kinds=frozenset(offer.kinds),
        blenders=frozenset(blender.version for blender in offer.blenders),
        pool=pool,
        tags=tags,
        memory_bytes=offer.memory_bytes,
        gpu=offer.device != "CPU",
        job=job,
    )


class Roster:
    """All connected workers. Used from the manager's event loop only."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}
        self._peers: Counter[str] = Counter()
        self._blenders: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._links)

    def __iter__(self) -> Iterator[Link]:
        return iter(list(self._links.values()))

    def add(self, link: Link) -> Link | None:
        """Take in a worker; returns its older connection, which it replaces, if there is one."""
        older = self._links.get(link.worker_id)
        if older is not None:
            self.remove(older)
        self._links[link.worker_id] = link
        for slot in link.slots.values():
            self._peers.update(slot.ability.kinds)
            self._blenders.update(slot.ability.blenders)
        return older

    def remove(self, link: Link) -> bool:
        """Forget a connection; False when a newer one has replaced it already."""
        if self._links.get(link.worker_id) is not link:
            return False
        del self._links[link.worker_id]
        for slot in link.slots.values():
            _uncount(self._peers, slot.ability.kinds)
            _uncount(self._blenders, slot.ability.blenders)
        return True

    def get(self, worker_id: str) -> Link | None:
        """The worker's connection, None when it has none."""
        return self._links.get(worker_id)

    def peers(self, kinds: frozenset[str]) -> int:
        """How many slots do any such work."""
        return max((self._peers[kind] for kind in kinds), default=1)

    def others(self, asked: Requirements, avoid: frozenset[str], more_than_bytes: int = 0) -> bool:
        """Whether a worker that is none of these could do a stage.

        May be asked from any thread; the answer is of this moment.

        Args:
            asked: What the stage asks for.
            avoid: Worker ids.
            more_than_bytes: Memory that was not enough.
        """
        return any(
            link.enabled and link.worker_id not in avoid and link.could(asked, more_than_bytes)
            for link in self
        )

    def sound_for(self, asked: Requirements, stage_id: int) -> bool:
        """Whether a worker could do a stage that does not fail at it again and again."""
        failing = {link.worker_id for link in self if link.failing[stage_id] > 1}
        return self.others(asked, frozenset(failing))

    def waiting(self) -> list[tuple[Link, Slot]]:
        """Slots that asked for a lease and have none."""
        return [(link, slot) for link in self for slot in link.slots.values() if slot.waiting]

    def anyone_waits(self) -> bool:
        """Whether there is such a slot."""
        return any(slot.waiting for link in self for slot in link.slots.values())

    def blender_versions(self) -> set[str]:
        """`major.minor` of every Blender that a connected worker can run."""
        return set(self._blenders)


def _uncount(counted: Counter[str], names: Iterable[str]) -> None:
    """Count names one less, and forget those that are nobody's: anyone may invent new ones."""
    for name in names:
        counted[name] -= 1
        if not counted[name]:
            del counted[name]
