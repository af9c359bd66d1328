"""The rules for leases: taking, losing and giving them back. Pure; see `decisions`."""

from __future__ import annotations

from dataclasses import replace

from framefarm.agent import events as ev
from framefarm.agent import instructions as do
from framefarm.agent.giving_back import drop_leases, drop_units, give_back, let_go
from framefarm.agent.state import (
    AgentState,
    Decision,
    Link,
    forget_asking,
    may_take,
    reconnected,
    why_resting,
)
from framefarm.agent.work import HeldLease
from framefarm.core.spans import Spans, SpansError
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
    """Let go of a lease, or of some of its units; what is finished of them is still offered."""
    try:
        units = Spans.parse(order.units) if order.units else None
    except SpansError as error:
        return reconnected(state, f"the units of a revoke could not be read: {error}")
    state = _disown(state, order.lease, units)
    if units is not None:
        return drop_units(state, order.lease, units)
    return drop_leases(replace(state, returning=state.returning - {order.lease}), order.lease)


def _disown(state: AgentState, lease: str, units: Spans | None) -> AgentState:
    """Renew nothing for results that were taken away, and forget failures of them."""

    def taken(item: ev.Owed | msg.Failed) -> bool:
        return item.lease == lease and (units is None or item.unit in units)

    owed = {
        name: replace(item, renewing=False) if taken(item) else item
        for name, item in state.owed.items()
    }
    failures = {at: failure for at, failure in state.failures.items() if not taken(failure)}
    return replace(state, owed=owed, failures=failures)


def drain(state: AgentState, _: msg.Drain) -> Decision:
    """Take no new leases: the manager says so."""
    return replace(forget_asking(state), draining=True), []


def enable(state: AgentState, _: msg.Enable) -> Decision:
    """Take leases again."""
    return replace(forget_asking(state), enabled=True, draining=False), []


def disable(state: AgentState, _: msg.Disable) -> Decision:
    """Give back everything and take nothing."""
    return give_back(replace(forget_asking(state), enabled=False))


def restart(state: AgentState, order: msg.Restart) -> Decision:
    """End, at once or after the leases in work, and begin anew."""
    state = replace(forget_asking(state), restarting=True)
    if order.at_once:
        return give_back(replace(state, stopping=True))
    return replace(state, leaving=True), []


def drain_asked(state: AgentState, _: ev.DrainAsked) -> Decision:
    """End after the leases in work: someone here says so."""
    return replace(state, leaving=True), []


def stop_asked(state: AgentState, _: ev.StopAsked) -> Decision:
    """End now: someone here says so, which no restart asked for earlier outweighs."""
    return give_back(replace(state, stopping=True, restarting=False))


def disk_changed(state: AgentState, event: ev.DiskChanged) -> Decision:
    """The disk got too full for new work, or has room again."""
    return rested(state, replace(state, disk_low=event.low))


def rest_changed(state: AgentState, event: ev.RestChanged) -> Decision:
    """The machine is not to work now, or may again."""
    return rested(state, replace(state, resting=event.reason))


def rested(before: AgentState, state: AgentState) -> Decision:
    """While the machine rests, begin nothing more of the leases held; say when that changed."""
    reason = why_resting(state)
    state = let_go(state) if reason else state
    if state.link is not Link.UP or reason == why_resting(before):
        return state, []
    text = f"asks for no work: {reason}" if reason else "asks for work again"
    return state, [do.Send(msg.LogLine("info", text)), do.SendFacts(reason)]
