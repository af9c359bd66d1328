"""When leases end by themselves, and when they must not (L1, L3, L7)."""

from __future__ import annotations

import pytest

from framefarm.core.grace import Disturbance, GraceLimits, Watch
from framefarm.db import set_clock
from framefarm.db import tables as t
from framefarm.farm.expiry import LeaseLives, Round, expire, expiry_round
from framefarm.farm.registry import Renewal, renew_many
from framefarm.farm.worker_states import Departure, note_departures, note_lost
from tests.integration.farm.bench import Bench

HOUR, DAY = 3_600.0, 86_400.0
LIVES = LeaseLives(lease_s=30.0, public_lease_s=120.0)


class Clocks:
    """A manager's duty once a second, under two clocks that a test moves."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.monotonic_s, self.at = 1_000.0, 1.7e9
        self.watch = Watch(GraceLimits.of_lease(LIVES.lease_s, 1.0))
        set_clock(bench.engine, lambda _: self.at)

    def round(self, *, after_s: float = 1.0, step_s: float = 0.0, outages: int = 0) -> Round:
        self.monotonic_s += after_s
        self.at += after_s + step_s
        done = self.bench.do(
            expiry_round,
            self.bench.catalog,
            self.watch,
            LIVES,
            monotonic_s=self.monotonic_s,
            outages=outages,
        )
        self.watch = done.watch
        return done

    def rounds_until_expiry(self, *, at_most_s: int = 200) -> int:
        """Seconds until a lease expires."""
        for seconds in range(1, at_most_s):
            if self.round().news.lost:
                return seconds
        raise AssertionError("nothing expired")

    def note_lost(self) -> int:
        """How many of the workers, none of which is connected, are lost by now."""
        return len(self.bench.do(note_lost, lambda _: False, LIVES.of))

    def renew(self, *leases: str, worker: str = "w1") -> None:
        self.bench.do(renew_many, [Renewal(worker, leases, LIVES.lease_s)])


@pytest.fixture
def clocks(bench: Bench) -> Clocks:
    made = Clocks(bench)
    made.round()
    return made


def test_l1_a_lease_nobody_renews_ends_after_its_life(bench: Bench, clocks: Clocks):
    bench.trial("1")
    bench.take()

    assert clocks.rounds_until_expiry() == 31


def test_l3_a_renewed_lease_goes_on(bench: Bench, clocks: Clocks):
    bench.trial("1")
    lease = bench.take()
    for _ in range(20):
        clocks.round()
    clocks.renew(lease.lease_id)

    assert clocks.rounds_until_expiry() == 31


def test_l7_nothing_expires_until_renewals_were_possible_for_a_life_after_a_start(bench: Bench):
    clocks = Clocks(bench)
    bench.trial("1")
    bench.take()
    clocks.at += DAY  # the manager was away

    assert clocks.round().disturbance is Disturbance.START
    assert clocks.rounds_until_expiry() == 31


@pytest.mark.parametrize("step_s", [HOUR, -HOUR, DAY, -DAY, -40.0])
def test_l7_a_clock_set_and_right_again_between_two_rounds_changes_no_life(
    bench: Bench, clocks: Clocks, step_s: float
):
    bench.trial("1-2")
    lease, other = bench.take(), bench.take("w2")
    clocks.at += step_s
    clocks.renew(lease.lease_id)
    clocks.at -= step_s

    assert clocks.round().disturbance is Disturbance.CLOCK
    assert clocks.round().disturbance is None
    assert bench.rows(t.leases, t.leases.c.state == "active")
    assert clocks.rounds_until_expiry() <= 30
    assert not bench.rows(t.leases, t.leases.c.id == other.lease_id, t.leases.c.state == "active")
    assert clocks.rounds_until_expiry() <= 31
    assert not bench.rows(t.leases, t.leases.c.state == "active")


@pytest.mark.parametrize("step_s", [HOUR, -HOUR, DAY, -DAY])
def test_l7_a_step_of_the_clock_makes_no_worker_lost_early_or_late(
    bench: Bench, clocks: Clocks, step_s: float
):
    worker = bench.hello()
    bench.do(note_departures, [Departure(worker.worker_id, "boot", goodbye=False)])
    clocks.round()

    clocks.round(step_s=step_s)

    for _ in range(30):
        assert clocks.note_lost() == 0
        clocks.round()
    clocks.round()
    assert clocks.note_lost() == 1


def test_l7_a_start_does_not_change_when_a_worker_was_last_seen(bench: Bench):
    bench.hello()
    [before] = [worker.last_seen_at for worker in bench.rows(t.workers)]

    assert Clocks(bench).round().disturbance is Disturbance.START

    assert [worker.last_seen_at for worker in bench.rows(t.workers)] == [before]


@pytest.mark.parametrize("step_s", [HOUR, -HOUR, DAY, -DAY])
def test_l7_a_step_of_the_clock_ends_no_lease_and_lengthens_none(
    bench: Bench, clocks: Clocks, step_s: float
):
    bench.trial("1-2")
    bench.take("w1")
    kept = bench.take("w2")
    clocks.round()

    stepped = clocks.round(step_s=step_s)

    assert (stepped.disturbance, stepped.news.lost) == (Disturbance.CLOCK, [])
    for _ in range(29):
        assert clocks.round().news.lost == []
    clocks.renew(kept.lease_id, worker="w2")
    assert clocks.round().news.lost == []
    assert [lost.worker_id for lost in clocks.round().news.lost] == ["w1"]
    assert [row.worker_id for row in bench.rows(t.leases, t.leases.c.state == "active")] == ["w2"]


def test_l7_a_lease_renewed_between_the_step_and_its_discovery_lives_no_longer_either(
    bench: Bench, clocks: Clocks
):
    bench.trial("1")
    lease = bench.take()
    clocks.at += HOUR
    clocks.renew(lease.lease_id)

    assert clocks.round().disturbance is Disturbance.CLOCK
    assert clocks.rounds_until_expiry() == 31


def test_l7_an_outage_of_the_database_ends_no_lease(bench: Bench, clocks: Clocks):
    bench.trial("1")
    bench.take()
    for _ in range(29):
        clocks.round()

    # Rounds that could not be written, for longer than leases live.
    clocks.watch = clocks.watch.after_failure()
    back = clocks.round(after_s=60.0)

    assert (back.disturbance, back.news.lost) == (Disturbance.OUTAGE, [])
    assert clocks.rounds_until_expiry() == 31


def test_l7_writes_of_workers_that_were_refused_end_no_lease(bench: Bench, clocks: Clocks):
    bench.trial("1")
    bench.take()
    for _ in range(29):
        clocks.round()

    assert clocks.round(outages=1).disturbance is Disturbance.OUTAGE
    assert clocks.round(outages=1).disturbance is None
    assert bench.rows(t.leases)[0].state == "active"


def test_l7_a_manager_that_was_stopped_ends_no_lease(bench: Bench, clocks: Clocks):
    bench.trial("1")
    bench.take()

    assert clocks.round(after_s=300.0).disturbance is Disturbance.STOPPED
    assert clocks.rounds_until_expiry() == 31


def test_l3_leases_of_the_public_pool_live_longer_after_a_disturbance(bench: Bench, clocks: Clocks):
    bench.trial("1")
    worker = bench.hello().worker_id
    bench.do(lambda c: c.execute(t.workers.update().values(pool="public")))
    bench.take(worker)

    clocks.round(after_s=60.0)

    assert clocks.rounds_until_expiry() == 121


def test_a_worker_that_falls_silent_is_shown_as_lost_until_it_is_heard_again(
    bench: Bench, clocks: Clocks
):
    bench.trial("1")
    worker = bench.hello().worker_id
    bench.take(worker)

    clocks.rounds_until_expiry()

    assert bench.rows(t.workers)[0].state == "lost"
    clocks.renew(worker=worker)
    assert bench.rows(t.workers)[0].state == "idle"


@pytest.mark.parametrize("state", ["draining", "disabled", "offline"])
def test_a_silent_worker_keeps_a_state_that_says_more(bench: Bench, clocks: Clocks, state: str):
    bench.trial("1")
    worker = bench.hello().worker_id
    bench.take(worker)
    bench.do(lambda c: c.execute(t.workers.update().values(state=state)))

    clocks.rounds_until_expiry()

    assert bench.rows(t.workers)[0].state == state


def test_expiry_takes_only_what_is_over(bench: Bench):
    bench.trial("1")
    bench.take(lease_s=1_000.0)

    assert bench.do(expire, bench.catalog).lost == []
    assert bench.rows(t.leases)[0].state == "active"


def test_l7_a_clock_set_in_the_middle_of_a_round_expires_nothing(bench: Bench, clocks: Clocks):
    bench.trial("1")
    bench.take("w1")
    looks = iter([clocks.at + 1.0])
    # The first look of the round sees the old time, every later one the new.
    set_clock(bench.engine, lambda _: next(looks, clocks.at + HOUR))
    done = bench.do(
        expiry_round,
        bench.catalog,
        clocks.watch,
        LIVES,
        monotonic_s=clocks.monotonic_s + 1.0,
    )

    assert done.news.lost == []
    assert [lease.state for lease in bench.rows(t.leases)] == ["active"]
