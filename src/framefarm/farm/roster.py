"""The workers that are connected now, and what their slots do. Memory only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from framefarm.core.sizing import Speed
from framefarm.protocol.messages import MachineFacts, Order, SlotOffer

Send = Callable[[Sequence[Order]], Awaitable[None]]


@dataclass(frozen=True)
class Work:
    """What a slot works on, for people."""

    lease_id: str
    job_id: int
    stage_id: int
    kind: str
    units: str


@dataclass
class Slot:
    """One slot of a connected worker.

    Attributes:
        waiting: Whether it asked for a lease and has none yet.
        asked_at: What the dispatcher had counted of work appearing when the slot asked.
        warm: SHA-256 of the .blend its Blender holds open.
        work: Its newest lease.
    """

    offer: SlotOffer
    kinds: frozenset[str]
    blenders: frozenset[str]
    waiting: bool = False
    asked_at: int = 0
    warm: str | None = None
    work: Work | None = None


@dataclass(eq=False)
class Link:
    """A connected worker.

    Attributes:
        send: Sends orders over its connection.
        told: Stages whose task it has been sent.
        speeds: Seconds per unit, by stage.
    """

    worker_id: str
    name: str
    boot_id: str
    agent_version: str
    facts: MachineFacts
    slots: dict[str, Slot]
    send: Send
    enabled: bool = True
    told: set[int] = field(default_factory=set)
    speeds: dict[int, Speed] = field(default_factory=dict)

    def could(self, kind: str, blender: str) -> bool:
        """Whether a slot here does a kind of stage with a version of Blender, if it needs one."""
        return any(
            kind in slot.kinds and (not blender or blender in slot.blenders)
            for slot in self.slots.values()
        )

    def seconds_per_unit(self) -> dict[int, float]:
        """What units took here, by stage."""
        known = ((stage, speed.seconds_per_unit) for stage, speed in self.speeds.items())
        return {stage: seconds for stage, seconds in known if seconds is not None}

    def took(self, stage_id: int, seconds: float) -> None:
        """Learn from a finished unit."""
        self.speeds[stage_id] = self.speeds.get(stage_id, Speed()).after(seconds)
        if len(self.speeds) > _STAGES_REMEMBERED:
            del self.speeds[next(iter(self.speeds))]


_STAGES_REMEMBERED = 100


def slots_of(offers: Sequence[SlotOffer]) -> dict[str, Slot]:
    """Slots as a worker offers them."""
    return {
        offer.slot: Slot(
            offer, frozenset(offer.kinds), frozenset(blender.version for blender in offer.blenders)
        )
        for offer in offers
    }


class Roster:
    """All connected workers. Used from the manager's event loop only."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}
        self._peers: Counter[str] = Counter()

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
            self._peers.update(slot.kinds)
        return older

    def remove(self, link: Link) -> bool:
        """Forget a connection; False when a newer one has replaced it already."""
        if self._links.get(link.worker_id) is not link:
            return False
        del self._links[link.worker_id]
        for slot in link.slots.values():
            self._peers.subtract(slot.kinds)
        return True

    def get(self, worker_id: str) -> Link | None:
        """The worker's connection, None when it has none."""
        return self._links.get(worker_id)

    def peers(self, kinds: frozenset[str]) -> int:
        """How many slots do any such work."""
        return max((self._peers[kind] for kind in kinds), default=1)

    def others(self, kind: str, blender: str, avoid: frozenset[str]) -> bool:
        """Whether a worker that is none of these could do a kind of stage.

        May be asked from any thread; the answer is of this moment.

        Args:
            kind: Of stage.
            blender: `major.minor` it needs, empty when it needs none.
            avoid: Worker ids.
        """
        return any(
            link.enabled and link.worker_id not in avoid and link.could(kind, blender)
            for link in self
        )

    def waiting(self) -> list[tuple[Link, Slot]]:
        """Slots that asked for a lease and have none."""
        return [(link, slot) for link in self for slot in link.slots.values() if slot.waiting]

    def blender_versions(self) -> set[str]:
        """`major.minor` of every Blender that a connected worker can run."""
        return {
            version for link in self for slot in link.slots.values() for version in slot.blenders
        }
