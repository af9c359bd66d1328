"""What an agent does next: a function of its state and of what happened. Pure.

Every event has one rule. A rule changes the state and says what follows from the event alone;
what follows from the state (a free slot begins the next unit of its lease, or asks for a lease) is
decided in one place, `_advance`, after every event. So no rule has to think of every slot that
might have become able to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from framefarm.agent import events as ev
from framefarm.agent import instructions as do
from framefarm.agent.reports import failed_report, finished_report
from framefarm.agent.state import (
    AgentState,
    Link,
    SlotState,
    held_leases,
    may_ask,
    may_quit,
    may_take,
)
from framefarm.agent.work import HeldLease, UnitWork
from framefarm.core.spans import SpansError
from framefarm.protocol import messages as msg

MAX_TASKS = 10_000
"""Tasks are told once per connection and kept until it ends; a new connection starts afresh."""

MAX_FAILURES = 1_000
"""Unanswered failures kept. The oldest go first: their leases have long expired by then."""

Decision = tuple[AgentState, list[do.Instruction]]


def decide(state: AgentState, event: ev.Event) -> Decision:
    """Apply one event.

    Args:
        state: The agent as it is.
        event: What happened.

    Returns:
        The agent as it is now, and what is to be done, in this order.
    """
    state, first = RULES[type(event)](state, event)
    state, then = _advance(state)
    return state, first + then


def _advance(state: AgentState) -> Decision:
    todo: list[do.Instruction] = []
    for name in state.slots:
        state, more = _advance_slot(state, state.slots[name])
        todo += more
    if may_quit(state):
        state = replace(state, over=True)
        todo.append(do.Quit())
    return state, todo


def _advance_slot(state: AgentState, slot: SlotState) -> Decision:
    if slot.working is not None:
        return state, []
    if slot.lease is not None:
        # Finished units being hashed and stored hold their memory and disk; wait for them.
        return (state, []) if len(state.keeping) >= state.max_keeping else _begin(state, slot)
    if slot.asked or not may_ask(state):
        return state, []
    ready = do.Send(msg.Ready(slot=slot.name, warm=slot.warm))
    return state.with_slot(slot.name, asked=True), [ready]


def _begin(state: AgentState, slot: SlotState) -> Decision:
    assert slot.lease is not None
    work, left = slot.lease.begin()
    return state.with_slot(slot.name, lease=left, working=work), [do.StartUnit(work)]


# --- the connection ---------------------------------------------------------------------------


def _connected(state: AgentState, _: ev.Connected) -> Decision:
    return replace(state, link=Link.GREETING), [do.Greet(held_leases(state))]


def _disconnected(state: AgentState, _: ev.Disconnected) -> Decision:
    return replace(_forget_asking(state), link=Link.DOWN, tasks={}), []


def _welcome(state: AgentState, order: msg.Welcome) -> Decision:
    # Offered again whether the epoch changed or not (L6): it costs one answer each, and covers an
    # answer lost with the old connection as well as a manager whose memory went back in time.
    state = replace(
        _forget_asking(state),
        link=Link.UP,
        epoch=order.epoch,
        enabled=order.enabled,
        draining=False,
        deferred=frozenset(),
    )
    settle = do.Settle(order.worker_id, order.key, order.lease_s, order.stall_s)
    return state, [
        settle,
        *(_offer(item) for item in state.owed.values()),
        *(do.Send(failure) for failure in state.failures.values()),
    ]


def _bye(state: AgentState, order: msg.Bye) -> Decision:
    if order.retry_in_s is None:
        return state, [do.GiveUp(order.reason)]
    return state, [do.AwaitReturn(order.retry_in_s)]


def _key_refused(state: AgentState, _: ev.KeyRefused) -> Decision:
    return state, [do.Reconnect("the manager does not accept the key any more")]


def _query(state: AgentState, _: msg.Query) -> Decision:
    return state, [do.SendFacts()]


def _forget_asking(state: AgentState) -> AgentState:
    return replace(state, slots={n: replace(s, asked=False) for n, s in state.slots.items()})


# --- leases -----------------------------------------------------------------------------------


def _task(state: AgentState, order: msg.Task) -> Decision:
    if len(state.tasks) >= MAX_TASKS and order.stage not in state.tasks:
        return state, [do.Reconnect(f"{MAX_TASKS:,} tasks were told on this connection")]
    return replace(state, tasks={**state.tasks, order.stage: order}), []


def _lease(state: AgentState, order: msg.Lease) -> Decision:
    slot = state.slots.get(order.slot)
    if slot is None or slot.lease or (slot.working and not slot.aborting) or not may_take(state):
        return state, [do.Send(msg.Released(order.lease))]
    state = state.with_slot(slot.name, asked=False)
    task = state.tasks.get(order.stage)
    # Giving such a lease back would only bring it again at once; a new connection, after a pause,
    # brings the tasks anew.
    if task is None:
        return state, [do.Reconnect(f"a lease of stage {order.stage} came without its task")]
    try:
        held = HeldLease.take(order, task)
    except SpansError as error:
        return state, [do.Reconnect(f"a lease's units could not be read: {error}")]
    return state.with_slot(slot.name, lease=held), []


def _revoke(state: AgentState, order: msg.Revoke) -> Decision:
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
        ours = slot.lease or slot.working
        if ours is None or slot.aborting or lease not in (None, _lease_of(slot)):
            continue
        stop = slot.working is not None
        state = state.with_slot(slot.name, lease=None, aborting=stop)
        todo += [do.AbortUnit(slot.name)] if stop else []
    return state, todo


def _lease_of(slot: SlotState) -> str | None:
    if slot.working is not None:
        return slot.working.lease
    return slot.lease.order.lease if slot.lease else None


def _give_back(state: AgentState) -> Decision:
    """Release every lease in work. What is finished of them stays in the outbox."""
    leases = {_lease_of(slot) for slot in state.slots.values() if not slot.aborting}
    told = state.link is Link.UP
    released = [
        do.Send(msg.Released(lease)) for lease in sorted(leases - {None}, key=str) if told and lease
    ]
    state, stops = _drop_leases(state)
    return state, [*released, *stops]


def _drain(state: AgentState, _: msg.Drain) -> Decision:
    return replace(_forget_asking(state), draining=True), []


def _enable(state: AgentState, _: msg.Enable) -> Decision:
    return replace(_forget_asking(state), enabled=True, draining=False), []


def _disable(state: AgentState, _: msg.Disable) -> Decision:
    return _give_back(replace(_forget_asking(state), enabled=False))


def _drain_asked(state: AgentState, _: ev.DrainAsked) -> Decision:
    return replace(state, leaving=True), []


def _stop_asked(state: AgentState, _: ev.StopAsked) -> Decision:
    return _give_back(replace(state, stopping=True))


def _disk_changed(state: AgentState, event: ev.DiskChanged) -> Decision:
    return replace(state, disk_low=event.low), []


# --- units ------------------------------------------------------------------------------------


def _unit_rendered(state: AgentState, event: ev.UnitRendered) -> Decision:
    state, wanted = _free(state, event.work, event.warm)
    if not wanted:
        return state, [do.Discard(event.work)]
    keeping = state.keeping | {(event.work.lease, event.work.unit)}
    return replace(state, keeping=keeping), [do.Keep(event.work, event.outcome)]


def _unit_failed(state: AgentState, event: ev.UnitFailed) -> Decision:
    state, wanted = _free(state, event.work, event.warm)
    if not wanted:
        return state, [do.Discard(event.work)]
    report = failed_report(event.work, event.reason, event.message, event.log_tail)
    state, todo = _fail(state, report)
    return state, [do.Discard(event.work), *todo]


def _unit_aborted(state: AgentState, event: ev.UnitAborted) -> Decision:
    state, _ = _free(state, event.work, event.warm)
    return state, [do.Discard(event.work)]


def _free(state: AgentState, work: UnitWork, warm: str | None) -> tuple[AgentState, bool]:
    """Take a unit off its slot.

    Returns:
        The state, and whether what became of the unit is wanted.
    """
    slot = state.slots[work.slot]
    if slot.working is not work:
        return state, False
    lease = slot.lease if slot.lease and slot.lease.rest else None
    if slot.aborting:
        # A lease that came meanwhile has not begun, so it still has all its units.
        lease = slot.lease
    state = state.with_slot(slot.name, working=None, aborting=False, lease=lease, warm=warm)
    return state, not slot.aborting


# --- results ----------------------------------------------------------------------------------


def _result_kept(state: AgentState, event: ev.ResultKept) -> Decision:
    owed = event.owed
    state = replace(
        state,
        keeping=state.keeping - {(owed.lease, owed.unit)},
        owed={**state.owed, owed.entry: owed},
    )
    offered = owed.has_files or state.link is Link.UP
    return state, [_offer(owed)] if offered else []


def _result_lost(state: AgentState, event: ev.ResultLost) -> Decision:
    work = event.work
    state = replace(state, keeping=state.keeping - {(work.lease, work.unit)})
    state, todo = _fail(state, failed_report(work, "error", event.message))
    return state, [do.Discard(work), *todo]


def _offer(owed: ev.Owed) -> do.Instruction:
    return do.Offer(owed.entry) if owed.has_files else do.Send(finished_report(owed))


def _offer_answered(state: AgentState, event: ev.OfferAnswered) -> Decision:
    state, owed = _settle(state, event.entry)
    useful = event.answer in ("accepted", "accepted_late")
    return state, [do.DropEntry(event.entry, useful=useful)] if owed else []


def _offer_refused(state: AgentState, event: ev.OfferRefused) -> Decision:
    state, owed = _settle(state, event.entry)
    if owed is None:
        return state, []
    state, todo = _fail(state, failed_report(owed, "error", event.message))
    return state, [do.DropEntry(event.entry, useful=False), *todo]


def _offer_deferred(state: AgentState, event: ev.OfferDeferred) -> Decision:
    known = {event.entry} & state.owed.keys()
    return replace(state, deferred=state.deferred | known), []


def _settled(state: AgentState, order: msg.Settled) -> Decision:
    at = (order.lease, order.unit)
    failures = {key: failure for key, failure in state.failures.items() if key != at}
    state = replace(state, failures=failures)
    for item in state.owed.values():
        if not item.has_files and (item.lease, item.unit) == at:
            state, _ = _settle(state, item.entry)
            return state, [do.DropEntry(item.entry, useful=False)]
    return state, []


def _settle(state: AgentState, entry: str) -> tuple[AgentState, ev.Owed | None]:
    owed = {name: item for name, item in state.owed.items() if name != entry}
    left = replace(state, owed=owed, deferred=state.deferred - {entry})
    return left, state.owed.get(entry)


def _fail(state: AgentState, report: msg.Failed) -> Decision:
    failures = {**state.failures, (report.lease, report.unit): report}
    for oldest in list(failures)[: max(0, len(failures) - MAX_FAILURES)]:
        del failures[oldest]
    told: list[do.Instruction] = [do.Send(report)] if state.link is Link.UP else []
    return replace(state, failures=failures), told


RULES: dict[type, Callable[[AgentState, Any], Decision]] = {
    ev.Connected: _connected,
    ev.Disconnected: _disconnected,
    ev.KeyRefused: _key_refused,
    ev.UnitRendered: _unit_rendered,
    ev.UnitFailed: _unit_failed,
    ev.UnitAborted: _unit_aborted,
    ev.ResultKept: _result_kept,
    ev.ResultLost: _result_lost,
    ev.OfferAnswered: _offer_answered,
    ev.OfferRefused: _offer_refused,
    ev.OfferDeferred: _offer_deferred,
    ev.DiskChanged: _disk_changed,
    ev.DrainAsked: _drain_asked,
    ev.StopAsked: _stop_asked,
    msg.Welcome: _welcome,
    msg.Bye: _bye,
    msg.Task: _task,
    msg.Lease: _lease,
    msg.Revoke: _revoke,
    msg.Drain: _drain,
    msg.Enable: _enable,
    msg.Disable: _disable,
    msg.Query: _query,
    msg.Settled: _settled,
}
