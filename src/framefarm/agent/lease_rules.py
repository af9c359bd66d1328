"""The rules for leases: taking, losing and giving them back. Pure; see `decisions`."""

from __future__ import annotations

from dataclasses import replace

from framefarm.agent import events as ev
from framefarm.agent import instructions as do
from framefarm.agent.state import (
    AgentState,
    Decision,
    Link,
    SlotState,
    forget_asking,
    may_take,
    reconnected,
)
from framefarm.agent.work import HeldLease
from framefarm.core.spans import SpansError
from framefarm.protocol import messages as msg

MAX_TASKS = 10_000
"""Tasks are told once per connection and kept until it ends; a new connection starts afresh."""


def task(state: AgentState, order: msg.Task) -> Decision:
    """Learn what a stage is about."""
    if len(state.tasks) >= MAX_TASKS and order.stage not in state.tasks:
        return reconnected(state, f"{MAX_TASKS:,} tasks were told on this connection")
    return replace(state, tasks={**state.tasks, order.stage: order}), []


def lease(state: AgentState, order: msg.Lease) -> Decision:
    """Take a lease for a slot, or say why not."""
    slot = state.slots.get(order.slot)
    if slot is not None:
        state = state.with_slot(slot.name, asked=False)
    if slot is None or slot.lease or (slot.working and not slot.aborting) or not may_take(state):
        return state, [do.Send(msg.Released(order.lease))]
    task = state.tasks.get(order.stage)
    # Giving such a lease back would only bring it again at once; a new connection, after a pause,
    # brings the tasks anew.
    if task is None:
        return reconnected(state, f"a lease of stage {order.stage} came without its task")
    try:
        held = HeldLease.take(order, task)
    except SpansError as error:
        return reconnected(state, f"a lease's units could not be read: {error}")
    return state.with_slot(slot.name, lease=held), []


def revoke(state: AgentState, order: msg.Revoke) -> Decision:
    """Let go of a lease that is not ours any more; what is finished of it is still offered."""
    owed = {
        name: replace(item, renewing=False) if item.lease == order.lease else item
        for name, item in state.owed.items()
    }
    failures = {at: f for at, f in state.failures.items() if f.lease != order.lease}
    return _drop_leases(replace(state, owed=owed, failures=failures), order.lease)


def _drop_leases(state: AgentState, lease: str | None = None) -> Decision:
    """Take one lease, or all, from the slots, and stop what is in work of them."""
    todo: list[do.Instruction] = []
    for slot in state.slots.values():
        held = _lease_of(slot)
        if held is None or lease not in (None, held):
            continue
        stop = slot.working is not None and not slot.aborting
        state = state.with_slot(slot.name, lease=None, aborting=slot.aborting or stop)
        todo += [do.AbortUnit(slot.name)] if stop else []
    return state, todo


def _lease_of(slot: SlotState) -> str | None:
    if slot.working is not None and not slot.aborting:
        return slot.working.lease
    return slot.lease.order.lease if slot.lease else None


def _give_back(state: AgentState) -> Decision:
    """Release every lease in work. What is finished of them stays in the outbox."""
    leases = [_lease_of(slot) for slot in state.slots.values()] if state.link is Link.UP else []
    released = [do.Send(msg.Released(lease)) for lease in leases if lease is not None]
    state, stops = _drop_leases(state)
    return state, [*released, *stops]


def drain(state: AgentState, _: msg.Drain) -> Decision:
    """Take no new leases: the manager says so."""
    return replace(forget_asking(state), draining=True), []


def enable(state: AgentState, _: msg.Enable) -> Decision:
    """Take leases again."""
    return replace(forget_asking(state), enabled=True, draining=False), []


def disable(state: AgentState, _: msg.Disable) -> Decision:
    """Give back everything and take nothing."""
    return _give_back(replace(forget_asking(state), enabled=False))


def drain_asked(state: AgentState, _: ev.DrainAsked) -> Decision:
    """End after the leases in work: someone here says so."""
    return replace(state, leaving=True), []


def stop_asked(state: AgentState, _: ev.StopAsked) -> Decision:
    """End now: someone here says so."""
    return _give_back(replace(state, stopping=True))


def disk_changed(state: AgentState, event: ev.DiskChanged) -> Decision:
    """The disk got too full for new leases, or has room again."""
    return replace(state, disk_low=event.low), []
