"""A job of which everything fails the same way is held (L9)."""

from __future__ import annotations

from sqlalchemy import update

from framefarm.core.blame import BlameLimits
from framefarm.core.requirements import Requirements
from framefarm.core.states import JobState
from framefarm.db import tables as t
from framefarm.farm.blame import Blame
from tests.integration.farm.bench import Bench

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


def test_l9_a_job_is_held_when_ten_units_failed_alike_on_three_workers(bench: Bench):
    bench.blame = farm_of(*WORKERS)
    film, other = bench.film("1-250"), bench.trial("1-2")
    bench.prioritize(film, 90)

    failed = 0
    while bench.job(film).state != JobState.PAUSED:
        failed += fail_all(bench, *WORKERS, most=3)
    bench.check()

    assert failed < 60
    job, stage = bench.job(film), bench.stage(film)
    assert "failed the same way on 3 workers, and none succeeded" in job.message
    assert "cannot open /mnt/cache_0001.vdb" in job.message
    assert f"framefarm resume {film}" in job.message
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


def test_l9_lost_workers_and_wrong_devices_hold_nothing(bench: Bench):
    bench.blame = farm_of("w1", alike=4)
    job = bench.trial("1-30")

    fail_all(bench, "w1", most=20, reason="placement")

    assert bench.job(job).state == JobState.RUNNING


def test_l9_a_job_that_is_resumed_goes_on_to_its_end(bench: Bench):
    bench.blame = farm_of("w1", alike=4)
    job = bench.trial("1-12")
    fail_all(bench, "w1")
    assert bench.job(job).state == JobState.PAUSED

    bench.resume(job)
    assert bench.job(job).message == ""
    fail_all(bench, "w1")

    bench.check()
    assert bench.job(job).state == JobState.FAILED
    assert bench.stage(job).failed == 12


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
