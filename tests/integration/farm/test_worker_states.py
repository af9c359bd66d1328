"""What a worker's coming, going and silence make of it."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from framefarm.core.requirements import Pool
from framefarm.db import tables as t
from framefarm.farm.knocks import Admission
from framefarm.farm.registry import note_facts
from framefarm.farm.worker_states import Departure, note_departures, note_lost, shown_state
from framefarm.protocol.messages import MachineFacts
from tests.integration.farm.bench import Bench

LEASE_S = 30.0


def state(bench: Bench) -> str:
    return str(bench.rows(t.workers)[0].state)


def put(bench: Bench, **values) -> None:
    bench.do(lambda c: c.execute(update(t.workers).values(**values)))


def back(bench: Bench, worker: Admission, **changes) -> Admission:
    return bench.hello(worker_id=worker.worker_id, key=worker.key, **changes)


def lease_s_of(pool: Pool) -> float:
    return LEASE_S if pool is Pool.OWN else 4 * LEASE_S


def lose(bench: Bench, *connected: str) -> int:
    return len(bench.do(note_lost, lambda worker: worker in connected, lease_s_of))


def leave(bench: Bench, worker: Admission, *, goodbye: bool = True, boot: str = "boot") -> None:
    bench.do(note_departures, [Departure(worker.worker_id, boot, goodbye)])


def test_a_worker_that_says_goodbye_is_offline_and_never_lost(bench: Bench):
    worker = bench.hello()
    assert state(bench) == "idle"

    leave(bench, worker)
    put(bench, last_seen_at=1.0)

    assert lose(bench) == 0
    assert state(bench) == "offline"


def test_l8_a_worker_whose_connection_broke_may_come_back_as_it_was(bench: Bench):
    worker = bench.hello()
    leave(bench, worker, goodbye=False)

    assert state(bench) == "idle"
    assert shown_state("idle", connected=False, working=True) == "offline"
    assert lose(bench) == 0
    assert back(bench, worker).state == "idle"


def test_a_worker_that_stays_silent_for_a_lease_is_lost_until_it_comes_back(bench: Bench):
    worker = bench.hello()
    leave(bench, worker, goodbye=False)
    put(bench, last_seen_at=bench.rows(t.workers)[0].last_seen_at - LEASE_S - 1)

    assert lose(bench) == 1
    assert state(bench) == "lost"
    assert lose(bench) == 0
    assert back(bench, worker).state == "idle"
    assert state(bench) == "idle"


def test_l3_a_worker_of_another_pool_is_lost_when_its_own_leases_would_be_over(bench: Bench):
    bench.hello()
    put(bench, pool="public", last_seen_at=bench.rows(t.workers)[0].last_seen_at - LEASE_S - 1)

    assert lose(bench) == 0
    put(bench, last_seen_at=bench.rows(t.workers)[0].last_seen_at - 4 * LEASE_S)
    assert lose(bench) == 1


def test_a_connected_worker_is_not_lost_however_old_its_last_word_is(bench: Bench):
    worker = bench.hello()
    put(bench, last_seen_at=1.0)

    assert lose(bench, worker.worker_id) == 0
    assert state(bench) == "idle"


@pytest.mark.parametrize("decided", ["draining", "disabled", "quarantined"])
def test_what_was_decided_of_a_worker_stays_however_it_goes_and_comes(bench: Bench, decided: str):
    worker = bench.hello()
    put(bench, state=decided)

    for goodbye in (True, False):
        leave(bench, worker, goodbye=goodbye)
        assert state(bench) == decided
    put(bench, last_seen_at=1.0)
    assert lose(bench) == 0
    for boot in ("boot", "another"):
        again = back(bench, worker, boot_id=boot)
        assert again.state == state(bench) == decided
        # One in quarantine works at what it is not barred from (L9).
        assert again.may_claim == (decided == "quarantined")
        assert again.enabled == (decided != "disabled")


def test_the_departure_of_an_older_process_does_not_touch_the_newer_one(bench: Bench):
    worker = bench.hello()
    back(bench, worker, boot_id="newer")

    leave(bench, worker, boot="boot")

    assert state(bench) == "idle"


def test_a_name_given_here_counts_above_what_the_worker_says(bench: Bench):
    worker = bench.hello(name="said")
    assert back(bench, worker, name="said anew").name == "said anew"

    put(bench, name="given", named_here=True)

    assert back(bench, worker, name="said again").name == "given"
    assert bench.rows(t.workers)[0].name == "given"


def test_a_restart_is_still_wanted_of_the_same_process_and_done_once_another_greets(bench: Bench):
    worker = bench.hello()
    put(bench, restart_boot_id="boot")

    assert back(bench, worker).restart
    assert back(bench, worker).restart
    assert not back(bench, worker, boot_id="newer").restart
    assert bench.rows(t.workers)[0].restart_boot_id is None


def test_how_far_a_workers_clock_is_ahead_is_noted(bench: Bench):
    worker = bench.hello(clock_at=0.0)
    assert bench.rows(t.workers)[0].clock_ahead_s == 0.0

    back(bench, worker, clock_at=bench.rows(t.workers)[0].last_seen_at + 3600)

    assert bench.rows(t.workers)[0].clock_ahead_s == pytest.approx(3600, abs=30)
    told_at = bench.rows(t.workers)[0].last_seen_at
    bench.do(note_facts, worker.worker_id, MachineFacts("ants"), told_at - 60)
    assert bench.rows(t.workers)[0].clock_ahead_s == pytest.approx(-60, abs=30)
    # One that does not tell is not taken for right.
    bench.do(note_facts, worker.worker_id, MachineFacts("ants"))
    assert bench.rows(t.workers)[0].clock_ahead_s == pytest.approx(-60, abs=30)


@pytest.mark.parametrize(
    ("stored", "connected", "working", "shown"),
    [
        ("idle", True, False, "idle"),
        ("idle", True, True, "busy"),
        ("idle", False, True, "offline"),
        ("offline", False, False, "offline"),
        ("draining", True, True, "draining"),
        ("draining", False, False, "draining"),
        ("disabled", True, True, "disabled"),
        ("lost", False, True, "lost"),
        ("quarantined", True, False, "quarantined"),
    ],
)
def test_what_is_shown_of_a_worker(stored, connected, working, shown):
    assert shown_state(stored, connected=connected, working=working) == shown
