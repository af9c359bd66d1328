"""Orders of events that the state machine of `test_any_order.py` comes upon too rarely by itself.

They are taken through its own rules, so that every answer and the place of every unit are held
against the model here as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.farm.test_any_order import AnyOrder


@pytest.fixture
def machine() -> Iterator[AnyOrder]:
    made = AnyOrder()
    try:
        yield made
        made._finish_everything()
    finally:
        made.ids.stop()


def test_l9_a_quarantined_worker_gets_no_last_units_of_others(machine: AnyOrder):
    bad, good = machine.join(0), machine.join(0)

    AnyOrder.break_what_others_make(machine, bad=bad, good=good, units=5)

    assert machine.model.barred(bad.worker_id, "render")
    assert any(stage.count("leased") for stage in machine.model.stages.values())
    machine.all_is_where_the_model_has_it()


def test_l9_of_a_quarantined_workers_slots_that_ask_at_once_one_gets_one_unit(machine: AnyOrder):
    bad, good = machine.join(0), machine.join(0)
    AnyOrder.break_what_others_make(machine, bad=bad, good=good, units=5)
    machine.submit_film("1-5")
    machine.time_passes(601.0)

    [trial] = machine._claim([bad, bad, good])[:-1]

    assert (trial.worker_id, len(trial.units)) == (bad.worker_id, 1)
    assert machine.model.quarantines[bad.worker_id, "render"].trial == trial.lease_id
    machine.all_is_where_the_model_has_it()


def test_l4_a_late_success_takes_a_unit_from_the_failed_ones(machine: AnyOrder):
    slow, fast = machine.join(0), machine.join(0)
    job = machine.submit_film("1-5")

    AnyOrder.be_overtaken(machine, slow=slow, fast=fast, gives_up=True)

    [first, *_] = machine.model.jobs[job].stages[0].units.values()
    assert first.result is not None
    assert first.result.answer == "accepted_late"
    machine.all_is_where_the_model_has_it()


def test_l9_of_two_workers_at_a_unit_the_one_whose_lease_ends_last_counts_as_lost(
    machine: AnyOrder,
):
    slow, fast = machine.join(0), machine.join(0)
    AnyOrder.break_what_others_make(machine, bad=fast, good=slow, units=1)
    twice = [lease for lease in machine.model.leases.values() if lease.worker == fast.worker_id]
    machine.time_passes(1.0)
    # It is heard again, which the other one is not, and has what is made in its outbox.
    AnyOrder.die(machine, worker=slow, knows=False, owes=True)

    machine.time_passes(601.0)

    [tail] = [lease for lease in twice if lease.next_attempt > 2]
    [*_, fault] = machine.model.stages[tail.stage].units[2].counting
    assert (fault.worker, fault.reason) == (slow.worker_id, "lost")
    machine.all_is_where_the_model_has_it()


def test_l2_a_worker_that_comes_back_keeps_its_leases_for_their_whole_life(machine: AnyOrder):
    worker = machine.join(0)
    machine.submit_film("1-5")
    [lease] = machine._claim([worker])
    machine.time_passes(12.0)

    AnyOrder.return_(machine, worker=worker, held=[lease], owes=False)
    for _ in range(2):
        machine.time_passes(12.0)

    assert machine.model.leases[lease.lease_id].active
    machine.all_is_where_the_model_has_it()
