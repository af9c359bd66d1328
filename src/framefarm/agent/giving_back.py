"""Letting go of leases: at once, or of what has not begun of them. Pure; see `decisions`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from framefarm.agent import instructions as do
from framefarm.agent.state import AgentState, Decision, Link, SlotState, held_leases
from framefarm.protocol import messages as msg

if TYPE_CHECKING:
    from framefarm.core.spans import Spans


def drop_leases(state: AgentState, lease: str | None = None) -> Decision:
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


def drop_units(state: AgentState, lease: str, units: Spans) -> Decision:
    """Take some units of a lease away, and stop the one in work when it is among them."""
    for slot in state.slots.values():
        if slot.lease is not None and slot.lease.order.lease == lease:
            return _drop_from(state, slot, units)
    return state, []


def _drop_from(state: AgentState, slot: SlotState, units: Spans) -> Decision:
    assert slot.lease is not None
    left = slot.lease.without(units)
    working = slot.working is not None and not slot.aborting
    stop = working and slot.working is not None and slot.working.unit in units
    keeps = bool(left.rest) or (working and not stop)
    state = state.with_slot(
        slot.name, lease=left if keeps else None, aborting=slot.aborting or stop
    )
    return state, [do.AbortUnit(slot.name)] if stop else []


def give_back(state: AgentState) -> Decision:
    """Release every lease in work. What is finished of them stays in the outbox."""
    leases = [_lease_of(slot) for slot in state.slots.values()] if state.link is Link.UP else []
    released = [do.Send(msg.Released(lease)) for lease in leases if lease is not None]
    state, stops = drop_leases(state)
    return state, [*released, *stops]


def let_go(state: AgentState) -> AgentState:
    """Begin no more units of the leases held. The units in work go on; see `returning`."""
    for slot in state.slots.values():
        if slot.lease is None or not slot.lease.rest:
            continue
        state = replace(state, returning=state.returning | {slot.lease.order.lease})
        working = slot.working is not None and not slot.aborting
        left = replace(slot.lease, rest=()) if working else None
        state = state.with_slot(slot.name, lease=left)
    return state


def return_leases(state: AgentState) -> Decision:
    """Give back the leases that were let go and of which nothing is on its way any more."""
    due = state.returning.difference(held_leases(state))
    if not due:
        return state, []
    # Without a connection nothing needs saying: the next hello does not list them.
    told = sorted(due) if state.link is Link.UP else []
    return replace(state, returning=state.returning - due), [
        do.Send(msg.Released(lease)) for lease in told
    ]


def _lease_of(slot: SlotState) -> str | None:
    if slot.working is not None and not slot.aborting:
        return slot.working.lease
    return slot.lease.order.lease if slot.lease else None
