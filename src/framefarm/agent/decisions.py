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
from framefarm.agent import lease_rules, result_rules
from framefarm.agent.giving_back import give_back, return_leases
from framefarm.agent.result_rules import offer
from framefarm.agent.state import (
    AgentState,
    Decision,
    Link,
    SlotState,
    forget_asking,
    held_leases,
    may_ask,
    may_quit,
    owed_here,
    reconnected,
    why_resting,
)
from framefarm.protocol import messages as msg


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
    state, returned = return_leases(state)
    todo += returned
    if may_quit(state):
        state = replace(state, over=True)
        todo.append(do.Quit(again=state.restarting))
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


def _connected(state: AgentState, event: ev.Connected) -> Decision:
    state = replace(state, link=Link.GREETING, farm=event.farm)
    return state, [do.Greet(held_leases(state), why_resting(state))]


def _disconnected(state: AgentState, _: ev.Disconnected) -> Decision:
    return replace(forget_asking(state), link=Link.DOWN, tasks={}), []


def _welcome(state: AgentState, order: msg.Welcome) -> Decision:
    # Offered again whether the epoch changed or not (L6): it costs one answer each, and covers an
    # answer lost with the old connection as well as a manager whose memory went back in time.
    state = replace(
        forget_asking(state),
        link=Link.UP,
        epoch=order.epoch,
        enabled=order.enabled,
        draining=order.draining,
        deferred=frozenset(),
    )
    settle = do.Settle(order.worker_id, order.key, order.lease_s, order.stall_s, order.name)
    state, stops = (state, []) if order.enabled else give_back(state)
    return state, [
        settle,
        *stops,
        *(offer(item) for item in owed_here(state)),
        *(do.Send(failure) for failure in state.failures.values()),
    ]


def _bye(state: AgentState, order: msg.Bye) -> Decision:
    if order.retry_in_s is None:
        return state, [do.GiveUp(order.reason)]
    return state, [do.AwaitReturn(order.retry_in_s)]


def _key_refused(state: AgentState, _: ev.KeyRefused) -> Decision:
    return reconnected(state, "the manager does not accept the key any more")


def _query(state: AgentState, _: msg.Query) -> Decision:
    return state, [do.SendFacts(why_resting(state))]


def _prefetch(state: AgentState, order: msg.Prefetch) -> Decision:
    # An ending worker would leave before it had use for them.
    ending = state.leaving or state.stopping
    return state, [] if ending else [do.FetchAhead(order)]


def _facts_moved(state: AgentState, _: ev.FactsMoved) -> Decision:
    return state, [do.SendFacts(why_resting(state))] if state.link is Link.UP else []


RULES: dict[type, Callable[[AgentState, Any], Decision]] = {
    ev.Connected: _connected,
    ev.Disconnected: _disconnected,
    ev.KeyRefused: _key_refused,
    ev.UnitRendered: result_rules.unit_rendered,
    ev.UnitFailed: result_rules.unit_failed,
    ev.UnitAborted: result_rules.unit_aborted,
    ev.ResultKept: result_rules.result_kept,
    ev.ResultLost: result_rules.result_lost,
    ev.OfferAnswered: result_rules.offer_answered,
    ev.OfferRefused: result_rules.offer_refused,
    ev.OfferDeferred: result_rules.offer_deferred,
    ev.DiskChanged: lease_rules.disk_changed,
    ev.RestChanged: lease_rules.rest_changed,
    ev.FactsMoved: _facts_moved,
    ev.DrainAsked: lease_rules.drain_asked,
    ev.StopAsked: lease_rules.stop_asked,
    msg.Welcome: _welcome,
    msg.Bye: _bye,
    msg.Task: lease_rules.task,
    msg.Lease: lease_rules.lease,
    msg.Prefetch: _prefetch,
    msg.Revoke: lease_rules.revoke,
    msg.Drain: lease_rules.drain,
    msg.Enable: lease_rules.enable,
    msg.Disable: lease_rules.disable,
    msg.Restart: lease_rules.restart,
    msg.Query: _query,
    msg.Settled: result_rules.settled,
}
