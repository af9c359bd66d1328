"""The rules for units and their results. Pure; see `decisions`."""

from __future__ import annotations

from dataclasses import replace

from framefarm.agent import events as ev
from framefarm.agent import instructions as do
from framefarm.agent.lease_rules import rested
from framefarm.agent.reports import failed_report, finished_report, unit_report
from framefarm.agent.state import AgentState, Decision, Link
from framefarm.agent.work import UnitWork
from framefarm.protocol import messages as msg

MAX_FAILURES = 1_000
"""Unanswered failures kept. The oldest go first: their leases have long expired by then."""


def unit_rendered(state: AgentState, event: ev.UnitRendered) -> Decision:
    """Store a finished unit, unless it was stopped meanwhile."""
    state, wanted = _free(state, event.work, event.warm)
    if not wanted:
        return state, [do.Discard(event.work)]
    keeping = state.keeping | {(event.work.lease, event.work.unit)}
    return replace(state, keeping=keeping), [do.Keep(event.work, event.outcome)]


def unit_failed(state: AgentState, event: ev.UnitFailed) -> Decision:
    """Report a unit that could not be made, unless it was stopped meanwhile."""
    state, wanted = _free(state, event.work, event.warm)
    if not wanted:
        return state, [do.Discard(event.work)]
    if event.no_room:
        state, todo = _give_up(state, event.work)
    elif event.reason == "input_missing" and state.link is not Link.UP:
        state, todo = _hand_back(state, event.work), []
    else:
        state, todo = _fail(state, unit_report(event))
    return state, [do.Discard(event.work), *todo]


def unit_aborted(state: AgentState, event: ev.UnitAborted) -> Decision:
    """A stopped unit is off its slot."""
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
    state = state.with_slot(slot.name, working=None, aborting=False, lease=lease, warm=warm)
    return state, not slot.aborting


def _give_up(state: AgentState, work: UnitWork) -> Decision:
    """Give a unit back that the full disk kept from being made (L6); nobody is to blame."""
    full = replace(state, disk_low=True, returning=state.returning | {work.lease})
    return rested(state, full)


def _hand_back(state: AgentState, work: UnitWork) -> AgentState:
    """Give a lease back whose files could not be fetched while the manager is away.

    It may be away for longer than a fetch is tried again: neither unit nor worker is to blame, and
    the rest of the lease would wait for the same files.
    """
    slot = state.slots[work.slot]
    if slot.lease is not None and slot.lease.order.lease == work.lease:
        state = state.with_slot(slot.name, lease=None)
    return replace(state, returning=state.returning | {work.lease})


def result_kept(state: AgentState, event: ev.ResultKept) -> Decision:
    """Offer a result that is safe on the disk now."""
    owed = event.owed
    state = replace(
        state,
        keeping=state.keeping - {(owed.lease, owed.unit)},
        owed={**state.owed, owed.entry: owed},
    )
    offered = owed.has_files or state.link is Link.UP
    return state, [offer(owed)] if offered else []


def result_lost(state: AgentState, event: ev.ResultLost) -> Decision:
    """Report a unit whose output could not be stored."""
    work = event.work
    state = replace(state, keeping=state.keeping - {(work.lease, work.unit)})
    state, todo = _fail(state, failed_report(work, "error", event.message))
    return state, [do.Discard(work), *todo]


def offer(owed: ev.Owed) -> do.Instruction:
    """How a result is delivered."""
    return do.Offer(owed.entry) if owed.has_files else do.Send(finished_report(owed))


def offer_answered(state: AgentState, event: ev.OfferAnswered) -> Decision:
    """Drop a result that the manager settled."""
    state, owed = _settle(state, event.entry)
    useful = event.answer in ("accepted", "accepted_late")
    return state, [do.DropEntry(event.entry, useful=useful)] if owed else []


def offer_refused(state: AgentState, event: ev.OfferRefused) -> Decision:
    """Drop a result that the manager will never take, and report that the unit failed."""
    state, owed = _settle(state, event.entry)
    if owed is None:
        return state, []
    state, todo = _fail(state, failed_report(owed, "error", event.message))
    return state, [do.DropEntry(event.entry, useful=False), *todo]


def offer_deferred(state: AgentState, event: ev.OfferDeferred) -> Decision:
    """Remember that a result cannot be delivered now."""
    known = {event.entry} & state.owed.keys()
    return replace(state, deferred=state.deferred | known), []


def settled(state: AgentState, order: msg.Settled) -> Decision:
    """Drop what the manager settled over the connection."""
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
