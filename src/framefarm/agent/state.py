"""Everything an agent's decisions depend on, as one immutable value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from framefarm.agent.instructions import Instruction, Reconnect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from framefarm.agent.events import Owed
    from framefarm.agent.work import HeldLease, UnitWork
    from framefarm.protocol.messages import Failed, Task


class Link(Enum):
    """How things stand with the manager."""

    DOWN = "down"
    GREETING = "greeting"
    """Connected, and hello said; no welcome yet."""
    UP = "up"


@dataclass(frozen=True, slots=True)
class SlotState:
    """One slot.

    Attributes:
        name: Its name in the protocol.
        lease: What it works on, None when it has no lease.
        working: The unit in work. With `aborting`, one that is being stopped: its lease is gone
            already, and whatever becomes of it is not wanted.
        aborting: See `working`.
        asked: A `ready` for it is in force.
        warm: SHA-256 of the .blend its Blender holds.
    """

    name: str
    lease: HeldLease | None = None
    working: UnitWork | None = None
    aborting: bool = False
    asked: bool = False
    warm: str | None = None


@dataclass(frozen=True, slots=True)
class AgentState:
    """One agent.

    Attributes:
        slots: By name.
        max_keeping, max_owed: See `AgentSettings`.
        link: How things stand with the manager.
        epoch: The manager's, from its last welcome.
        enabled: The manager allows work.
        draining: The manager wants no new leases taken.
        leaving: The agent is to end after its leases.
        stopping: The agent is to end now.
        restarting: After that end the process is to be started anew.
        over: The end was announced.
        disk_low: No new leases, results need the room.
        resting: Why the machine is not to work now, for people; empty when it is.
        returning: Leases whose rest was let go. They are given back once what was made of them is
            delivered: said earlier, the units still on their way would be made again elsewhere.
        tasks: What stages are about, by stage, as told on this connection.
        keeping: Lease and unit of the results on their way into the outbox.
        farm: Which farm the connection is with, or was last.
        owed: What lies in the outbox, by entry; also what is another farm's.
        deferred: Entries of `owed` that could not be delivered when last tried.
        failures: Failures not yet answered, by lease and unit, oldest first.
    """

    slots: Mapping[str, SlotState]
    max_keeping: int = 4
    max_owed: int = 64
    link: Link = Link.DOWN
    epoch: str | None = None
    farm: str = ""
    enabled: bool = True
    draining: bool = False
    leaving: bool = False
    stopping: bool = False
    restarting: bool = False
    over: bool = False
    disk_low: bool = False
    resting: str = ""
    returning: frozenset[str] = frozenset()
    tasks: Mapping[int, Task] = field(default_factory=dict)
    keeping: frozenset[tuple[str, int]] = frozenset()
    owed: Mapping[str, Owed] = field(default_factory=dict)
    deferred: frozenset[str] = frozenset()
    failures: Mapping[tuple[str, int], Failed] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        slots: Iterable[str],
        *,
        max_keeping: int = 4,
        max_owed: int = 64,
        owed: Iterable[Owed] = (),
    ) -> AgentState:
        """The state at the start of a process, with what the last one left in the outbox."""
        return cls(
            slots={name: SlotState(name) for name in slots},
            max_keeping=max_keeping,
            max_owed=max_owed,
            owed={item.entry: replace(item, renewing=False) for item in owed},
        )

    def with_slot(self, name: str, **changes: Any) -> AgentState:
        """The same with one slot changed."""
        return replace(self, slots={**self.slots, name: replace(self.slots[name], **changes)})


def held_leases(state: AgentState) -> tuple[str, ...]:
    """The leases to renew: those in work, and those with results still on their way."""
    held = {slot.lease.order.lease for slot in state.slots.values() if slot.lease}
    held.update(lease for lease, _ in state.keeping)
    held.update(item.lease for item in owed_here(state) if item.renewing)
    return tuple(sorted(held))


def owed_here(state: AgentState) -> tuple[Owed, ...]:
    """What of the outbox is for this farm.

    Another would call it gone, and it would be lost (L6): it waits until this worker works for its
    farm again.
    """
    return tuple(item for item in state.owed.values() if item.farm in ("", state.farm))


def may_take(state: AgentState) -> bool:
    """Whether a lease that comes now is worked on."""
    ending = state.draining or state.leaving or state.stopping
    return state.enabled and not ending and not why_resting(state)


def why_resting(state: AgentState) -> str:
    """Why no work is begun here just now, whatever the manager wants; empty when it is."""
    return "its disk is nearly full" if state.disk_low else state.resting


def may_ask(state: AgentState) -> bool:
    """Whether slots may ask for leases now.

    Results whose lease is not ours any more (the last process left them behind, a lease was
    revoked) are offered first: else the manager would lease out their units again, perhaps to this
    very worker, and they would be rendered twice.
    """
    owed = owed_here(state)
    if state.link is not Link.UP or not may_take(state) or len(owed) >= state.max_owed:
        return False
    return not any(
        item.has_files and not item.renewing and item.entry not in state.deferred for item in owed
    )


def at_rest(state: AgentState) -> bool:
    """Whether no slot is doing anything and no result is on its way to the outbox."""
    return not state.keeping and all(slot.working is None for slot in state.slots.values())


def may_quit(state: AgentState) -> bool:
    """Whether all is done that a stop, or a drain, waits for."""
    if state.over or not at_rest(state):
        return False
    owed = {item.entry for item in owed_here(state)}
    trying = state.link is Link.UP and owed - state.deferred
    if state.stopping:
        return not trying
    if not state.leaving or any(slot.lease for slot in state.slots.values()):
        return False
    if state.restarting:
        # The next process delivers what this one cannot.
        return not trying and not (state.link is Link.UP and state.failures)
    return not owed and not state.failures


def forget_asking(state: AgentState) -> AgentState:
    """The same with no `ready` in force: the manager has forgotten them."""
    return replace(state, slots={n: replace(s, asked=False) for n, s in state.slots.items()})


Decision = tuple[AgentState, list[Instruction]]
"""The state after an event, and what is to be done, in this order."""


def reconnected(state: AgentState, reason: str) -> Decision:
    """Leave this connection. Nothing more is said on it."""
    return replace(state, link=Link.DOWN), [Reconnect(reason)]
