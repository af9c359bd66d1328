"""What the simulation takes to be true of who was heard when."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from framefarm.agent import instructions as do
from framefarm.agent.state import AgentState
from framefarm.protocol.messages import Released
from tests.simulation.database import Note
from tests.simulation.ledger import Ledger


@pytest.mark.parametrize("what", ["lose_touch", "loses_process"])
def test_a_worker_that_goes_silent_between_two_looks_was_heard_until_then(what: str):
    now = [100.0]
    ledger = Ledger(_fail, lambda: now[0], lambda _: None, lambda _: True)
    ledger.commit([Note("leased", 1, "lease 1-3", "w", 1)])
    machine = _holding("lease")
    ledger.see([machine])

    now[0] = 104.0
    getattr(ledger, what)(machine, "a fault")
    machine.agent.process.frozen = True
    now[0] = 143.0
    ledger.see([machine])

    assert ledger.overdue({"lease"}, limit_s=40.0, since=0.0) == []
    now[0] = 145.0
    assert ledger.overdue({"lease"}, limit_s=40.0, since=0.0) == ["lease"]


def test_a_lease_that_was_given_back_just_now_had_reached_its_worker():
    now = [100.0]
    machine = _back_at(110.0)
    ledger = Ledger(_fail, lambda: now[0], lambda _: machine.agent.process, lambda _: True)
    ledger.commit([Note("leased", 1, "lease 1-3", "w", 1)])

    now[0] = 119.0
    assert ledger.never_arrived(machine, after_s=3.0, disturbed_at=0.0) == ["lease"]
    ledger.performs(machine, do.Send(Released("lease")))
    assert ledger.never_arrived(machine, after_s=3.0, disturbed_at=0.0) == []

    now[0] = 122.0
    assert ledger.never_arrived(machine, after_s=3.0, disturbed_at=0.0) == ["lease"]


def test_a_unit_of_a_lease_on_its_way_may_be_begun_before_the_order_to_give_it_back_comes():
    ledger = Ledger(_fail, lambda: 100.0, lambda _: None, lambda _: True)
    leases = {"used-up": 1, "held": 2, "coming": 3}
    ledger.commit([Note("leased", 1, f"{name} {unit}", "w", 1) for name, unit in leases.items()])
    ledger.commit([Note("ended", 1, "used-up 1", "w", 1)])
    machine = _machine(replace(AgentState.of(["cpu"]), returning=frozenset({"held"})))

    ledger.gives_back(machine, "a person")

    assert ledger.excused == {"a person": 1}


def _back_at(welcomed_at: float) -> Any:
    machine = _machine(AgentState.of(["cpu"]))
    machine.agent.up, machine.agent.welcomed_at = True, welcomed_at
    return machine


def _holding(lease: str) -> Any:
    return _machine(replace(AgentState.of(["cpu"]), keeping=frozenset({(lease, 1)})))


def _machine(state: AgentState) -> Any:
    agent = SimpleNamespace(state=state, process=SimpleNamespace(frozen=False))
    cable = SimpleNamespace(up=SimpleNamespace(open=True), whole=True)
    return SimpleNamespace(agent=agent, cable=cable, worker_id="w")


def _fail(what: str) -> None:
    raise AssertionError(what)
