"""Cancelling jobs, and putting failed or cancelled units back to work."""

from __future__ import annotations

import pytest

from framefarm.core.states import IllegalMoveError
from framefarm.db import tables as t
from framefarm.farm.news import News
from framefarm.farm.redoing import NothingToRetryError
from framefarm.farm.steering import NoSuchJobError, NoSuchStageError
from framefarm.farm.upkeep import forget_ended_leases
from tests.integration.farm.bench import Bench


def test_a_cancelled_job_gives_no_leases_and_revokes_those_it_gave(bench: Bench):
    job = bench.film("1-6")
    leases = [bench.take("w1"), bench.take("w2")]
    bench.finish(bench.take("w3"))

    news = bench.cancel(job)

    assert {(lost.lease_id, lost.worker_id) for lost in news.lost} == {
        (lease.lease_id, lease.worker_id) for lease in leases
    }
    assert bench.claim() is None
    row, render = bench.job(job), bench.stage(job)
    assert (row.state, row.message) == ("cancelled", "Cancelled.")
    assert (render.pending, render.leased, render.done, render.cancelled) == (0, 0, 1, 5)
    assert bench.rows(t.spans) == []


def test_what_failed_stays_failed_when_its_job_is_cancelled(bench: Bench):
    job = bench.trial("1-3")
    bench.fail(bench.take(), reason="refused")

    bench.cancel(job)

    assert (bench.stage(job).failed, bench.stage(job).cancelled) == (1, 2)


def test_a_job_that_is_done_cannot_be_cancelled_nor_put_back_to_work(bench: Bench):
    job = bench.trial("1")
    bench.work_off()

    with pytest.raises(IllegalMoveError):
        bench.cancel(job)
    with pytest.raises(NothingToRetryError):
        bench.retry(job)

    assert bench.job(job).state == "done"


def test_a_running_job_of_which_nothing_failed_has_nothing_to_retry(bench: Bench):
    job = bench.trial("1")
    bench.take()

    with pytest.raises(NothingToRetryError, match="--frames"):
        bench.retry(job)

    assert bench.stage(job).leased == 1


def test_steering_a_job_that_does_not_exist_says_so(bench: Bench):
    with pytest.raises(NoSuchJobError, match="no job 99"):
        bench.cancel(99)
    with pytest.raises(NoSuchJobError):
        bench.retry(99)


def test_a_retry_does_only_what_is_not_done(bench: Bench):
    job = bench.trial("1-5")
    bench.finish(bench.take())
    bench.fail(bench.take(), reason="refused")
    bench.finish(bench.take())
    bench.cancel(job)

    news = bench.retry(job)

    assert news.work
    assert bench.job(job).state == "queued"
    assert bench.job(job).finished_at is None
    assert {lease.units.first for lease in bench.work_off()} == {2, 4, 5}
    assert bench.job(job).state == "done"


def test_a_retry_starts_with_a_clean_sheet_of_errors(bench: Bench):
    job = bench.trial("1")
    for _ in range(3):
        bench.fail(bench.take())
    bench.retry(job)

    bench.fail(bench.take())

    assert bench.job(job).state == "running"
    assert bench.stage(job).pending == 1


def test_attempts_rise_over_cancels_and_retries(bench: Bench):
    job = bench.trial("1")
    attempts = []
    for _ in range(3):
        attempts.append(bench.take().attempt)
        bench.cancel(job)
        bench.retry(job)

    assert attempts == [1, 2, 3]


def test_a_retried_film_goes_on_with_segments_that_were_waiting(bench: Bench):
    job = bench.film("1-6", segment=2)
    leases = [bench.take() for _ in range(6)]
    bench.finishes([bench.result(leases[at]) for at in (0, 1, 2)])
    bench.fail(leases[3], reason="refused")
    bench.finish(bench.take())
    bench.cancel(job)

    bench.retry(job)

    assert {row.unit: row.have for row in bench.rows(t.inputs)} == {0: 1, 1: 1}
    assert bench.stage(job, 1).done == 1
    bench.work_off()
    assert bench.job(job).state == "done"
    assert [bench.stage(job, at).state for at in range(3)] == ["done"] * 3


def test_a_job_cancelled_before_it_began_can_be_put_back_to_work(bench: Bench):
    job = bench.trial("1-3", order="spread")
    bench.cancel(job)
    bench.retry(job)

    assert len(bench.work_off()) == 3
    assert bench.job(job).state == "done"


def test_cancelling_twice_changes_nothing(bench: Bench):
    job = bench.trial("1")
    bench.cancel(job)
    before = bench.job(job)

    assert bench.cancel(job) == News()

    assert bench.job(job) == before


def test_upkeep_keeps_the_leases_of_a_job_that_may_be_put_back_to_work(bench: Bench):
    job = bench.trial("1-2")
    lease = bench.take()
    bench.cancel(job)

    assert bench.do(forget_ended_leases) == 0
    bench.retry(job)

    assert bench.finish(lease) == "accepted_late"
    assert bench.take().attempt == 2


# --- pausing


def test_a_paused_job_gives_no_leases_and_those_it_gave_go_on(bench: Bench):
    job = bench.trial("1-3")
    lease = bench.take()

    news = bench.pause(job)

    assert news.lost == []
    assert bench.claim() is None
    assert bench.finish(lease) == "accepted"
    assert (bench.job(job).state, bench.stage(job).pending) == ("paused", 2)


def test_pausing_at_once_takes_back_what_is_worked_on_and_blames_nobody(bench: Bench):
    job = bench.film("1-3")
    lease = bench.take()

    news = bench.pause(job, at_once=True)

    assert [(lost.lease_id, lost.reason) for lost in news.lost] == [
        (lease.lease_id, "the job was paused")
    ]
    assert bench.rows(t.faults) == []
    assert bench.claim() is None
    assert bench.finish(lease) == "accepted_late", "it was rendered, so it counts (L4)"


def test_pausing_twice_may_still_take_back_at_once(bench: Bench):
    job = bench.trial("1")
    lease = bench.take()
    bench.pause(job)
    assert bench.pause(job).lost == []

    assert [lost.lease_id for lost in bench.pause(job, at_once=True).lost] == [lease.lease_id]
    assert bench.job(job).state == "paused"


def test_a_paused_job_goes_on_where_it_was(bench: Bench):
    job = bench.trial("1-2")
    lease = bench.take()
    bench.pause(job)

    news = bench.resume(job)

    assert news.work
    assert bench.job(job).state == "running"
    assert bench.finish(lease) == "accepted"
    assert bench.finish(bench.take()) == "accepted"
    assert bench.job(job).state == "done"


def test_a_job_paused_before_it_began_is_queued_again(bench: Bench):
    job = bench.trial("1")
    bench.pause(job)
    bench.resume(job)

    assert bench.job(job).state == "queued"
    assert bench.resume(job) == News()


def test_the_last_result_ends_a_paused_job(bench: Bench):
    job = bench.trial("1")
    lease = bench.take()
    bench.pause(job)

    bench.finish(lease)

    assert bench.job(job).state == "done"
    for move in (bench.pause, bench.resume):
        with pytest.raises(IllegalMoveError):
            move(job)


# --- priority


def test_the_next_lease_is_of_the_job_that_was_put_first(bench: Bench):
    first, second = bench.trial("1-9"), bench.trial("1-9")
    assert bench.take().job_id == first

    bench.prioritize(second, 90)

    assert bench.take().job_id == second
    assert (bench.job(second).priority, bench.job(first).priority) == (90, 50)


def test_one_stage_can_be_put_first(bench: Bench):
    film, other = bench.film("1-2"), bench.trial("1")
    bench.prioritize(film, 10)
    bench.prioritize(film, 90, "movie")

    assert bench.take().job_id == other
    assert [bench.stage(film, at).priority for at in range(3)] == [10, 90, 10]
    assert bench.job(film).priority == 10


def test_a_stage_that_is_not_there_is_said(bench: Bench):
    film = bench.film("1-2")

    with pytest.raises(NoSuchStageError, match="render, movie, join"):
        bench.prioritize(film, 90, "bake")


# --- deleting


def test_a_deleted_job_is_gone_with_all_its_rows_and_its_workers_are_told(bench: Bench):
    job, other = bench.film("1-4", segment=2), bench.trial("1")
    bench.finish(bench.take())
    bench.fail(bench.take(), reason="refused")
    lease = bench.take()

    news = bench.delete(job)

    assert [(lost.lease_id, lost.reason) for lost in news.lost] == [
        (lease.lease_id, "the job was deleted")
    ]
    bench.check()
    bench.clear_away()
    for table in (t.spans, t.leases, t.results, t.files, t.inputs, t.faults):
        rows = bench.rows(table)
        assert all(row.stage_id == bench.stage(other).id for row in rows), table.name
    assert bench.finish(lease) == "gone"
    assert bench.fail(lease) == "stale"
    with pytest.raises(NoSuchJobError):
        bench.delete(job)
    assert bench.job(other).state == "queued"


@pytest.mark.parametrize("steer", ["pause", "resume", "delete"])
def test_steering_what_is_not_there_says_so(bench: Bench, steer: str):
    with pytest.raises(NoSuchJobError):
        getattr(bench, steer)(99)
    with pytest.raises(NoSuchJobError):
        bench.prioritize(99, 1)


def test_a_job_that_was_paused_began_when_it_began(bench: Bench):
    job = bench.trial("1-3")
    bench.take()
    began = bench.job(job).started_at
    bench.pause(job)
    bench.resume(job)

    bench.take()

    assert bench.job(job).state == "running"
    assert bench.job(job).started_at == began


def test_a_job_that_had_ended_begins_anew_with_its_retry(bench: Bench):
    job = bench.trial("1-3")
    bench.work_off()
    began = bench.job(job).started_at

    bench.retry(job, "2")
    waiting = bench.job(job).started_at
    bench.take()

    assert waiting is None
    assert bench.job(job).started_at > began
