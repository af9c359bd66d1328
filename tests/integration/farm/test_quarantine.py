"""Workers that fail what others finish, and units that kill workers (L9)."""

from __future__ import annotations

import pytest

from framefarm.core.blame import BlameLimits
from framefarm.db import set_clock
from framefarm.db import tables as t
from framefarm.farm.blame import Blame
from framefarm.farm.claim_requests import ClaimedLease
from framefarm.farm.knocks import Admission
from framefarm.farm.news import News
from framefarm.farm.quarantine import Bars, bars, begin_trial
from framefarm.farm.worker_states import note_lost
from framefarm.farm.worker_steering import WorkerAction, WorkerChange, steer_many
from tests.integration.farm.bench import Bench

LIMITS = BlameLimits()
TRIALS = ("trial", "")


class Clock:
    def __init__(self, bench: Bench) -> None:
        self.at = 1.7e9
        set_clock(bench.engine, lambda _: self.at)


@pytest.fixture
def clock(bench: Bench) -> Clock:
    bench.blame = Blame(LIMITS, elsewhere=lambda *_: True)
    return Clock(bench)


def fails(bench: Bench, worker: str, count: int, *, reason: str = "error") -> list[int]:
    """A worker fails so many units; another finishes them. Returns the units."""
    units = []
    for _ in range(count):
        lease = bench.take(worker)
        assert bench.fail(lease, reason=reason) == "noted"
        again = bench.take("good")
        assert again.units == lease.units
        bench.finish_and_judge(again)
        units.append(lease.units.first)
    return units


def bars_of(bench: Bench, worker: str) -> Bars:
    return bench.do(bars).get(worker, Bars())


def silent(bench: Bench) -> list[str]:
    """Whom the manager finds lost now, with nobody connected."""
    return bench.do(note_lost, lambda _: False, lambda _: 30.0)


def quarantine_of(bench: Bench) -> object:
    [row] = bench.rows(t.quarantines)
    return row


def test_l9_three_units_that_others_finish_set_a_worker_aside(bench: Bench, clock: Clock):
    worker = bench.hello().worker_id
    bench.trial("1-9")

    fails(bench, worker, 2)
    assert bars_of(bench, worker) == Bars()
    fails(bench, worker, 1)

    row = quarantine_of(bench)
    assert (row.worker_id, row.kind, row.blender, row.strikes) == (worker, "trial", "", 1)
    assert row.until_at == clock.at + 600.0
    assert bars_of(bench, worker) == Bars(barred=frozenset({TRIALS}))
    shown = bench.rows(t.workers)[0]
    assert shown.state == "quarantined"
    assert shown.reason == "it failed 3 units of trial that other workers finished"
    assert bench.news.barred == {worker}


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("reason", ["out_of_memory", "disk", "lost", "killed"])
def test_l9_what_says_nothing_of_a_worker_is_not_charged(bench: Bench, reason: str):
    worker = bench.hello().worker_id
    bench.trial("1-9")

    fails(bench, worker, 4, reason=reason)

    assert bench.rows(t.quarantines) == []


@pytest.mark.usefixtures("clock")
def test_l9_a_worker_that_finishes_what_it_failed_is_not_charged(bench: Bench):
    worker = bench.hello().worker_id
    bench.trial("1-9")
    for _ in range(4):
        bench.fail(bench.take(worker))
        bench.finish_and_judge(bench.take(worker))

    assert bench.rows(t.quarantines) == []


@pytest.mark.usefixtures("clock")
def test_l9_kinds_and_blenders_are_judged_apart(bench: Bench):
    worker = bench.hello().worker_id
    bench.trial("1-2")
    fails(bench, worker, 2)
    film = bench.film("1-2", segment=2)
    fails(bench, worker, 2)

    assert bench.stage(film).done == 2
    assert bench.rows(t.quarantines) == []


def on_trial(bench: Bench, worker: str) -> ClaimedLease | None:
    """Claim as the dispatcher does for a worker on probation."""
    lease = bench.take(worker, probation=frozenset({TRIALS}))
    if bench.do(begin_trial, worker, TRIALS, lease.lease_id):
        return lease
    bench.release(lease)
    return None


def set_aside(bench: Bench) -> Admission:
    worker = bench.hello()
    bench.trial("1-30")
    fails(bench, worker.worker_id, 3)
    return worker


def test_l9_after_its_time_a_worker_gets_one_unit_and_success_ends_the_quarantine(
    bench: Bench, clock: Clock
):
    worker = set_aside(bench).worker_id
    clock.at += 601.0
    assert bars_of(bench, worker) == Bars(probation=frozenset({TRIALS}))

    trial = on_trial(bench, worker)
    assert trial is not None
    assert len(trial.units) == 1
    assert bars_of(bench, worker) == Bars(barred=frozenset({TRIALS})), "one at a time"
    assert on_trial(bench, worker) is None
    bench.finish_and_judge(trial)

    assert bench.rows(t.quarantines) == []
    assert bars_of(bench, worker) == Bars()
    shown = bench.rows(t.workers)[0]
    assert (shown.state, shown.reason) == ("idle", "")
    assert bench.news.barred == {worker}


def test_a_worker_that_falls_silent_after_its_trial_is_lost_as_any_other(
    bench: Bench, clock: Clock
):
    worker = set_aside(bench).worker_id
    clock.at += 601.0
    trial = on_trial(bench, worker)
    assert trial is not None
    clock.at += 100.0
    bench.finish_and_judge(trial)

    assert silent(bench) == [], "it was heard this moment"
    clock.at += 31.0
    assert silent(bench) == [worker]


def test_l9_failing_the_trial_is_another_strike_and_lasts_twice_as_long(bench: Bench, clock: Clock):
    worker = set_aside(bench).worker_id
    for strikes, lasts_s in ((2, 1_200.0), (3, 2_400.0)):
        clock.at = quarantine_of(bench).until_at + 1.0
        trial = on_trial(bench, worker)
        assert trial is not None
        bench.fail(trial)

        row = quarantine_of(bench)
        assert (row.strikes, row.until_at) == (strikes, clock.at + lasts_s)
        assert bars_of(bench, worker).barred == {TRIALS}
        assert "tried with" in bench.rows(t.workers)[0].reason


def test_l9_no_trial_begins_before_its_time(bench: Bench, clock: Clock):
    worker = set_aside(bench).worker_id
    clock.at += 599.0

    assert on_trial(bench, worker) is None


def test_l9_a_trial_that_came_to_nothing_is_repeated(bench: Bench, clock: Clock):
    worker = set_aside(bench).worker_id
    clock.at += 601.0
    trial = on_trial(bench, worker)
    assert trial is not None
    bench.release(trial)

    assert bars_of(bench, worker) == Bars(probation=frozenset({TRIALS}))
    assert on_trial(bench, worker) is not None
    assert quarantine_of(bench).strikes == 1


def test_l9_late_successes_from_before_the_quarantine_do_not_end_it(bench: Bench, clock: Clock):
    worker = bench.hello().worker_id
    bench.trial("1-30")
    early = bench.take(worker)
    fails(bench, worker, 3)
    clock.at += 601.0

    bench.finish_and_judge(early)

    assert quarantine_of(bench).strikes == 1


@pytest.mark.usefixtures("clock")
def test_l9_a_person_can_pardon(bench: Bench):
    worker = set_aside(bench).worker_id

    [steered], news = bench.do(
        steer_many,
        bench.catalog,
        [worker],
        WorkerChange(WorkerAction.ENABLE),
        connected=lambda _: True,
    )

    assert steered.message == "is enabled; its quarantine is over"
    assert news.barred == {worker}
    assert bars_of(bench, worker) == Bars()
    assert bench.rows(t.workers)[0].state == "idle"
    fails(bench, worker, 2)
    assert bench.rows(t.quarantines) == [], "what was pardoned counts no more"


@pytest.mark.usefixtures("clock")
def test_a_disabled_worker_stays_disabled_over_its_quarantine(bench: Bench):
    worker = bench.hello().worker_id
    bench.trial("1-9")
    bench.do(lambda c: c.execute(t.workers.update().values(state="disabled")))
    fails(bench, worker, 3)

    assert bench.rows(t.workers)[0].state == "disabled"


@pytest.mark.usefixtures("clock")
def test_a_worker_that_drains_goes_on_draining_over_its_quarantine(bench: Bench):
    worker = bench.hello().worker_id
    bench.trial("1-9")
    bench.do(lambda c: c.execute(t.workers.update().values(state="draining")))
    fails(bench, worker, 3)

    assert bench.rows(t.workers)[0].state == "draining"
    assert bars_of(bench, worker).barred == {TRIALS}


# --- units that kill


def dies(bench: Bench, worker: Admission, lease: ClaimedLease | None, boot: str) -> News:
    """A worker's process died at the first unit of a lease; the next one says so."""
    interrupted = ((lease.stage_id, lease.units.first),) if lease else ()
    return bench.hello(
        worker_id=worker.worker_id, key=worker.key, boot_id=boot, interrupted=interrupted
    ).news


def test_l9_a_unit_that_killed_three_workers_is_quarantined(bench: Bench):
    job = bench.trial("1-9")
    speeds = {bench.stage(job).id: 1.0}
    for number in range(3):
        worker = bench.hello()
        lease = bench.take(worker.worker_id, seconds_per_unit=speeds)
        assert lease.units.first == 1
        news = dies(bench, worker, lease, f"new {number}")

    assert [(unit.unit, unit.state) for unit in news.units] == [(1, "failed")]
    [fault] = bench.rows(t.faults, t.faults.c.final)
    assert (fault.unit, fault.reason) == (1, "killed")
    assert "Quarantined: 3 workers died" in fault.message
    assert bench.stage(job).failed == 1
    bench.check()
    assert len(bench.work_off()) == 8
    bench.retry(job)
    assert [lease.units.first for lease in bench.work_off()] == [1]


def test_l9_the_rest_of_a_lease_is_not_blamed_for_a_death(bench: Bench):
    job = bench.trial("1-9")
    worker = bench.hello()
    lease = bench.take(worker.worker_id, seconds_per_unit={bench.stage(job).id: 1.0})

    dies(bench, worker, lease, "new")

    reasons = {row.unit: row.reason for row in bench.rows(t.faults)}
    assert reasons.pop(1) == "killed"
    assert set(reasons.values()) == {"lost"}


def test_l9_a_worker_that_comes_back_after_its_lease_ended_still_tells(bench: Bench):
    job = bench.trial("1-2")
    workers = [bench.hello() for _ in range(3)]
    leases = []
    for worker in workers:
        leases.append(bench.take(worker.worker_id))
        bench.expire(leases[-1])

    for number, (worker, lease) in enumerate(zip(workers, leases, strict=True)):
        news = dies(bench, worker, lease, f"new {number}")

    assert [(unit.unit, unit.state) for unit in news.units] == [(1, "failed")]
    assert bench.stage(job).failed == 1
    bench.check()


def test_l9_nobody_can_accuse_a_unit_that_was_never_theirs(bench: Bench):
    job = bench.trial("1-2")
    mine = bench.take("w1")
    for number in range(3):
        dies(bench, bench.hello(), mine, f"new {number}")

    assert bench.rows(t.faults) == []
    assert bench.stage(job).failed == 0


def test_l9_a_killing_unit_that_another_is_at_is_judged_when_that_ends(bench: Bench):
    job = bench.trial("1")
    workers = [bench.hello() for _ in range(3)]
    leases = []
    for worker in workers:
        leases.append(bench.take(worker.worker_id))
        bench.expire(leases[-1])
    brave = bench.take("brave")
    for number, (worker, lease) in enumerate(zip(workers, leases, strict=True)):
        dies(bench, worker, lease, f"new {number}")

    assert bench.stage(job).failed == 0
    bench.check()
    assert bench.finish(brave) == "accepted"
