"""What of all that happens to an agent is worth a line in its log. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from framefarm.agent import events as ev
from framefarm.protocol import messages as msg

if TYPE_CHECKING:
    from framefarm.agent.state import AgentState
    from framefarm.agent.work import UnitWork

Fields = dict[str, str | int | float]

_TOLD: dict[type, str] = {
    msg.Disable: "the manager takes it out at once: gives back its work and asks for none",
    msg.Drain: "the manager takes it out: finishes its work and asks for no more",
    msg.Enable: "the manager enabled it",
    msg.Restart: "the manager lets it begin anew now",
    ev.DrainAsked: "ends after the leases in work",
    ev.StopAsked: "stops, and gives back its work",
}

_MAX_MESSAGE = 300
"""The rest of a long reason stands in the job's own log."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log.

    Attributes:
        text: What happened, in a few words.
        fields: To what.
        level: How bad it is.
    """

    text: str
    fields: Fields
    level: Literal["info", "warning"] = "info"


def line_of(state: AgentState, event: ev.Event) -> Line | None:  # noqa: PLR0911  a table
    """What is to be said of an event; None where it matters to nobody.

    Args:
        state: The agent before it.
        event: What happened.
    """
    match event:
        case ev.UnitRendered(work=work, outcome=outcome):
            return Line("done", {**_unit(work), "seconds": round(outcome.facts.seconds, 1)})
        case ev.UnitFailed():
            why = {"reason": event.reason, "message": event.message[:_MAX_MESSAGE]}
            return Line("failed", {**_unit(event.work), **why}, "warning")
        case ev.UnitAborted(work=work):
            return Line("stopped", _unit(work))
        case ev.OfferAnswered(entry=entry, answer="already_done" | "gone" as answer):
            return Line("result not needed any more", {**_owed(state, entry), "answer": answer})
        case msg.Lease():
            return _leased(state, event)
        case msg.Welcome(enabled=False):
            return Line(_TOLD[msg.Disable], {})
        case msg.Welcome(draining=True):
            return Line(_TOLD[msg.Drain], {})
        case msg.Restart(at_once=False):
            return Line("the manager lets it begin anew after the leases in work", {})
    text = _TOLD.get(type(event))
    return Line(text, {}) if text else None


def _leased(state: AgentState, order: msg.Lease) -> Line:
    task = state.tasks.get(order.stage)
    job: Fields = {"job": task.job, "kind": task.kind} if task else {"stage": order.stage}
    return Line("leased", {**job, "units": order.units, "slot": order.slot})


def _unit(work: UnitWork) -> Fields:
    name = "frame" if work.kind == "render" else work.kind
    return {"job": work.job, name: work.unit, "slot": work.slot}


def _owed(state: AgentState, entry: str) -> Fields:
    owed = state.owed.get(entry)
    return {"stage": owed.stage, "unit": owed.unit} if owed else {}
