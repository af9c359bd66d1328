"""A job of which everything fails the same way is held (L9)."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from framefarm.core.blame import BlameLimits
from framefarm.core.requirements import Requirements
from framefarm.core.states import JobState
from framefarm.db import tables as t
from framefarm.farm import steering
from framefarm.farm.blame import Blame
from framefarm.farm.catalog import Catalog
from framefarm.farm.holding import try_held as try_held_jobs
from framefarm.farm.news import News
from tests.integration.farm.bench import Bench, ask

WORKERS = ("w1", "w2", "w3")


def farm_of(*workers: str, rests_in_all_s: float = 0.0, **limits: int) -> Blame:
    """A farm of these workers, who could all do everything."""
    return Blame(
        BlameLimits(rests_in_all_s=rests_in_all_s, **limits),
        elsewhere=lambda _c, _asked, avoid, more: not more and bool(set(workers) - avoid),
    )


def fail_all(bench: Bench, *workers: str, most: int = 100, **failure: str) -> int:
    """Let workers fail whatever they get; returns how often that was."""
    told = {"reason": "error", "message": "cannot open /mnt/cache_0001.vdb", **failure}
    failed = 0

    def others(_asked: Requirements, avoid: frozenset[str], _more: int) -> bool:
        return bool(set(workers) - avoid)

    while failed < most:
        claims = [bench.claim(worker, others=others) for worker in workers]
        leases = [lease for lease in claims if lease is not None]
        if not leases:
            break
        for lease in leases:
            bench.fail(lease, **told)
            failed += 1
    return failed


def held_job(bench: Bench) -> int:
    bench.blame = farm_of(*WORKERS, alike=4)
    job = bench.trial("1-30")
    fail_all(bench, *WORKERS)
    assert bench.job(job).state == JobState.PAUSED
    return job


def try_held(bench: Bench) -> News:
    return bench.do(try_held_jobs)


def be_due(bench: Bench, job: int) -> News:
    """Let the time of a held job's next try have come."""
    due = update(t.jobs).where(t.jobs.c.id == job, t.jobs.c.try_at.is_not(None))
    bench.do(lambda c: c.execute(due.values(try_at=1.0)))
    return try_held(bench)


def due_in(bench: Bench, job: int) -> float:
    """Seconds from its being held to its next try."""
    row = bench.job(job)
    return round(row.try_at - row.held_at, 3)


def test_l9_a_job_is_held_when_ten_units_failed_alike_on_three_workers(bench: Bench):
    bench.blame = farm_of(*WORKERS)
    film, other = bench.film("1-250"), bench.trial("1-2")
    bench.prioritize(film, 90)

    failed = 0
    while bench.job(film).state != JobState.PAUSED:
        failed += fail_all(bench, *WORKERS, most=3)
    bench.check()

    assert failed < 60
    assert due_in(bench, film) == 120.0
    job, stage = bench.job(film), bench.stage(film)
    assert "failed the same way on 3 workers, and none succeeded" in job.message
    assert "cannot open /mnt/cache_0001.vdb" in job.message
    assert stage.done == 0
    assert stage.pending + stage.failed == 250
    assert film in bench.news.jobs
    assert [lease.stage_id for lease in bench.work_off("w1")] == [bench.stage(other).id] * 2


def test_l9_numbers_in_what_was_said_do_not_make_failures_different(bench: Bench):
    bench.blame = farm_of(*WORKERS, alike=4)
    job = bench.trial("1-100")
    for round_number in range(20):
        fail_all(bench, *WORKERS, most=3, message=f"frame {round_number} has no light")

    assert bench.job(job).state == JobState.PAUSED


def test_l9_failures_that_differ_hold_nothing(bench: Bench):
    bench.blame = farm_of(*WORKERS, alike=4)
    job = bench.trial("1-10")
    for cause in "abcdefghij":
        fail_all(bench, *WORKERS, most=3, message=f"something else: {cause}")

    assert bench.job(job).state != JobState.PAUSED
    assert bench.job(job).message == "" or bench.job(job).state == JobState.FAILED


def test_l9_one_success_is_enough_for_the_rest_to_go_on(bench: Bench):
    bench.blame = farm_of(*WORKERS, alike=4)
    job = bench.trial("1-30")
    bench.finish(bench.take("w1"))

    fail_all(bench, *WORKERS, most=90)

    assert bench.job(job).state == JobState.FAILED
    assert bench.stage(job).failed == 29


def test_l9_one_bad_worker_holds_no_job_that_others_could_do(bench: Bench):
    bench.blame = farm_of(*WORKERS, alike=4)
    job = bench.trial("1-30")

    fail_all(bench, "w1", most=20)

    assert bench.job(job).state == JobState.RUNNING


def test_l9_where_there_is_but_one_worker_it_is_enough(bench: Bench):
    bench.blame = farm_of("w1", alike=4)
    job = bench.trial("1-30")

    assert fail_all(bench, "w1") < 12
    assert "the one worker there is" in bench.job(job).message


def test_l9_trouble_gets_a_minute_to_pass(bench: Bench):
    bench.blame = farm_of(*WORKERS, rests_in_all_s=60.0)
    job = bench.trial("1-100")
    fail_all(bench, *WORKERS, most=90)
    assert bench.job(job).state == JobState.RUNNING

    with bench.engine.begin() as connection:
        connection.execute(update(t.faults).values(at=t.faults.c.at - 60.0))
    fail_all(bench, *WORKERS, most=3)

    assert bench.job(job).state == JobState.PAUSED


def test_l9_what_failed_before_a_clock_went_back_is_long_ago(bench: Bench):
    """Simulated seed 1397: for a minute units were given up, though 60 had failed alike."""
    bench.blame = farm_of("w1", alike=4, rests_in_all_s=3_600.0)
    job = bench.trial("1-30")
    fail_all(bench, "w1", most=8)
    assert bench.job(job).state != JobState.PAUSED
    before = update(t.faults).values(at=t.faults.c.at + 86_400.0)
    bench.do(lambda c: c.execute(before))

    fail_all(bench, "w1", most=1)

    bench.check()
    assert bench.job(job).state == JobState.PAUSED


def test_l9_lost_workers_and_wrong_devices_hold_nothing(bench: Bench):
    bench.blame = farm_of("w1", alike=4)
    job = bench.trial("1-30")

    fail_all(bench, "w1", most=20, reason="placement")

    assert bench.job(job).state == JobState.RUNNING


def test_l9_a_job_that_is_resumed_goes_on_wholly_until_as_much_has_failed_again(bench: Bench):
    bench.blame = farm_of("w1", alike=4)
    job = bench.trial("1-100")
    first = fail_all(bench, "w1")
    assert bench.job(job).state == JobState.PAUSED

    bench.resume(job)
    assert (bench.job(job).message, bench.job(job).holds) == ("", 0)
    again = fail_all(bench, "w1")

    bench.check()
    assert bench.job(job).state == JobState.PAUSED
    assert 4 <= again <= first + 3
    assert due_in(bench, job) == 120.0


def test_l9_a_unit_is_not_given_up_where_all_fails_alike_though_another_might_do_better(
    bench: Bench,
):
    """Simulated seed 592: w2 failed some before a person let the job go on, and since is at others.

    By what failed since, w2 may do better; of the units that both have tried there is nobody left.
    """
    bench.blame = farm_of("w1", "w2", alike=4)
    job = bench.trial("1-10")
    for _ in range(2):
        bench.fail(bench.take("w1"), message="the share is away")
        bench.fail(bench.take("w2"), message="the share is away")
    bench.pause(job)
    bench.resume(job)

    fail_all(bench, "w1", most=30, message="the share is away")

    bench.check()
    assert bench.stage(job).failed == 0
    assert bench.job(job).state == JobState.PAUSED
    assert "failed the same way on 2 workers" in bench.job(job).message


def test_l9_nor_is_what_was_at_work_when_a_person_paused_it(bench: Bench):
    bench.blame = farm_of("w1", alike=4, rests_in_all_s=3_600.0)
    job = bench.trial("1-4")
    fail_all(bench, "w1", most=8)
    third = bench.take("w1")
    bench.pause(job)

    bench.blame = farm_of("w1", alike=4)
    bench.fail(third, message="cannot open /mnt/cache_0001.vdb")

    bench.check()
    assert (bench.stage(job).failed, bench.stage(job).pending) == (0, 4)
    assert (bench.job(job).state, bench.job(job).message) == (JobState.PAUSED, "")


def test_l9_a_held_job_is_tried_again_with_one_unit(bench: Bench):
    job = held_job(bench)
    assert not try_held(bench).work
    assert bench.claim("w1") is None

    assert be_due(bench, job).work
    leases = bench.claims([ask(worker) for worker in WORKERS])

    bench.check()
    [lease] = [lease for lease in leases if lease is not None]
    assert len(lease.units) == 1
    assert bench.job(job).state == JobState.PAUSED
    assert not try_held(bench).work
    assert bench.claim("w2") is None


def test_l9_a_held_job_at_its_limit_is_tried_when_a_slot_of_it_is_free(bench: Bench):
    bench.blame = farm_of("w1", "w2", alike=4)
    job = bench.trial("1-30", largest=1, max_workers=2)
    fail_all(bench, "w2", most=1)
    slow = bench.take("w2")
    fail_all(bench, "w1")
    assert bench.job(job).state == JobState.PAUSED
    bench.do(steering.limit, job, 1)
    be_due(bench, job)

    assert bench.claim("w1") is None
    bench.release(slow)
    bench.check()

    assert bench.claim("w1") is not None
    assert bench.claim("w2") is None


def test_l9_a_hold_outlives_the_manager_that_made_it(bench: Bench):
    job = held_job(bench)
    held = bench.job(job)
    be_due(bench, job)
    on_trial = bench.take("w1")

    bench.catalog = Catalog()
    bench.engine.dispose()

    assert bench.job(job).message == held.message
    assert not try_held(bench).work
    assert bench.claim("w2") is None
    bench.fail(on_trial)
    assert due_in(bench, job) == 240.0
    be_due(bench, job)
    bench.finish(bench.take("w2"))
    bench.check()
    assert bench.job(job).state == JobState.RUNNING


def test_l9_each_try_that_fails_doubles_the_time_to_the_next(bench: Bench):
    job = held_job(bench)
    pauses = []
    for number in range(6):
        be_due(bench, job)
        worker = next(w for w in WORKERS if (lease := bench.claim(w)) is not None)
        # What it fails of does not matter, but that nothing succeeds.
        bench.fail(lease, worker_id=worker, message=f"something else: {'x' * number}")
        bench.check()
        pauses.append(due_in(bench, job))
        assert bench.job(job).state == JobState.PAUSED

    assert pauses == [240.0, 480.0, 960.0, 1_800.0, 1_800.0, 1_800.0]


def test_l9_a_try_that_succeeds_lets_the_job_go_wholly(bench: Bench):
    job = held_job(bench)
    be_due(bench, job)
    assert bench.finish(bench.take("w1")) == "accepted"

    bench.check()
    row = bench.job(job)
    assert (row.state, row.message, row.holds, row.try_at) == (JobState.RUNNING, "", 0, None)
    assert bench.news.work
    bench.work_off("w2")
    assert bench.job(job).state == JobState.DONE


@pytest.mark.parametrize("how", ["released", "expired", "the worker died", "wrong device"])
def test_l9_a_try_that_came_to_nothing_is_tried_at_once(bench: Bench, how: str):
    job = held_job(bench)
    be_due(bench, job)
    lease = bench.take("w1")
    if how == "released":
        bench.release(lease)
    elif how == "expired":
        bench.expire(lease)
    elif how == "the worker died":
        bench.lose("w1")
    else:
        bench.fail(lease, reason="placement")
    bench.check()
    assert bench.claim("w2") is None

    assert try_held(bench).work

    bench.check()
    assert bench.claim("w2") is not None


def test_l9_a_clock_that_went_back_keeps_no_held_job_waiting(bench: Bench):
    held_job(bench)
    later = {"held_at": t.jobs.c.held_at + 86_400.0, "try_at": t.jobs.c.try_at + 86_400.0}
    bench.do(lambda c: c.execute(update(t.jobs).values(**later)))

    assert try_held(bench).work
    assert bench.claim("w1") is not None


def test_l9_no_unit_of_a_held_job_is_given_up_while_its_pauses_grow(bench: Bench):
    """Simulated seed 4732: what passed after eight minutes cost a unit that was tried meanwhile."""
    bench.blame = farm_of(*WORKERS, alike=4)
    job = bench.trial("1-4")
    fail_all(bench, *WORKERS)
    assert bench.job(job).state == JobState.PAUSED
    for _ in range(4):
        be_due(bench, job)
        assert fail_all(bench, *WORKERS, most=1) == 1
        bench.check()
        assert bench.stage(job).failed == 0

    be_due(bench, job)
    fail_all(bench, *WORKERS, most=1)

    assert bench.stage(job).failed == 1


def test_l9_a_held_job_ends_when_all_its_units_have_failed(bench: Bench):
    job, tries = held_job(bench), 0
    while bench.job(job).state == JobState.PAUSED:
        be_due(bench, job)
        tries += fail_all(bench, *WORKERS, most=1)
        bench.check()
        assert tries < 90

    assert bench.job(job).state == JobState.FAILED
    assert bench.stage(job).failed == 30
    bench.retry(job)
    bench.check()
    assert bench.job(job).state == JobState.QUEUED


def test_l9_steering_a_job_that_is_tried_ends_the_trial(bench: Bench):
    paused, cancelled = held_job(bench), None
    be_due(bench, paused)
    bench.pause(paused)
    bench.check()
    assert not be_due(bench, paused).work
    assert bench.claim("w1") is None

    cancelled = held_job(bench)
    be_due(bench, cancelled)
    bench.cancel(cancelled)
    bench.check()
    assert bench.claim("w1") is None


def test_l9_others_get_all_slots_while_a_job_is_held(bench: Bench):
    held = held_job(bench)
    bench.prioritize(held, 90)
    other = bench.trial("1-3")
    be_due(bench, held)

    first, second = bench.take("w1"), bench.take("w2")

    assert (first.job_id, second.job_id) == (held, other)


def test_l9_a_success_that_comes_after_all_lets_the_job_go(bench: Bench):
    bench.blame = farm_of(*WORKERS, "slow", alike=4)
    job = bench.trial("1-30")
    slow = bench.take("slow")
    fail_all(bench, *WORKERS)
    assert bench.job(job).state == JobState.PAUSED

    assert bench.finish(slow) == "accepted"

    bench.check()
    assert (bench.job(job).state, bench.job(job).message) == (JobState.RUNNING, "")
    assert job in bench.news.jobs
    assert bench.news.work
    assert bench.claim("w2") is not None


def test_a_job_that_a_person_paused_stays_paused_when_a_unit_succeeds(bench: Bench):
    bench.blame = farm_of(*WORKERS, "slow", alike=4)
    job = bench.trial("1-30")
    slow = bench.take("slow")
    fail_all(bench, *WORKERS)
    bench.pause(job)
    plain = bench.trial("1-3")
    begun = bench.take("w1")
    bench.pause(plain)

    assert bench.finish(slow) == "accepted"
    assert bench.finish(begun) == "accepted"

    assert bench.job(job).state == bench.job(plain).state == JobState.PAUSED


def test_none_is_held_where_that_is_switched_off(bench: Bench):
    bench.blame = farm_of("w1", alike=0)
    job = bench.trial("1-12")

    fail_all(bench, "w1")

    assert bench.job(job).state == JobState.FAILED
