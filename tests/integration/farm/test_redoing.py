"""Putting units back to work: what failed, some frames, or everything."""

from __future__ import annotations

import pytest

from framefarm.core.spans import Spans
from framefarm.db import tables as t
from framefarm.farm.redoing import NoSuchFramesError, NothingToRetryError
from framefarm.protocol.messages import UnitFacts
from tests.integration.farm.bench import Bench


def done_units(bench: Bench, job: int, position: int = 0) -> list[int]:
    return [
        row.unit
        for row in bench.rows(t.results, t.results.c.stage_id == bench.stage(job, position).id)
    ]


def test_failed_units_are_retried_while_the_job_runs(bench: Bench):
    job = bench.trial("1-3")
    bench.fail(bench.take(), reason="refused")
    kept = bench.take("w2")

    bench.retry(job)

    assert (bench.job(job).state, bench.stage(job).failed) == ("running", 0)
    again = bench.take()
    assert (again.units.first, again.attempt) == (3, 1)
    assert bench.take().units.first == 1
    assert bench.finish(kept) == "accepted"


def test_retrying_a_job_in_which_nothing_failed_changes_nothing_and_says_what_to_do(bench: Bench):
    job = bench.trial("1")
    bench.work_off()

    with pytest.raises(NothingToRetryError, match="use --all"):
        bench.retry(job)

    assert bench.job(job).state == "done"


def test_frames_of_a_done_job_are_made_anew_with_all_that_was_made_of_them(bench: Bench):
    job = bench.film("1-6", segment=2)
    bench.work_off()

    bench.retry(job, "3,4")

    assert (bench.job(job).state, bench.job(job).finished_at) == ("queued", None)
    assert [done_units(bench, job, at) for at in range(3)] == [[1, 2, 5, 6], [0, 2], []]
    assert {row.unit for row in bench.rows(t.files, t.files.c.stage_id == bench.stage(job).id)} == {
        1,
        2,
        5,
        6,
    }
    assert [bench.stage(job, at).done for at in range(3)] == [4, 2, 0]
    made = [(lease.stage_id, lease.units.first) for lease in bench.work_off()]
    render, movie, join = (bench.stage(job, at).id for at in range(3))
    assert sorted(made) == [(render, 3), (render, 4), (movie, 1), (join, 0)]
    assert bench.job(job).state == "done"


def test_attempts_rise_when_done_units_are_made_anew(bench: Bench):
    job = bench.trial("1")
    attempts = []
    for _ in range(3):
        [lease] = bench.work_off()
        attempts.append(lease.attempt)
        bench.retry(job, everything=True)

    assert attempts == [1, 2, 3]


def test_everything_is_made_anew_also_what_is_being_worked_on(bench: Bench):
    job = bench.film("1-4", segment=2)
    bench.finish(bench.take())
    at_work = bench.take("w2")
    bench.fail(bench.take("w3"), reason="refused")

    news = bench.retry(job, everything=True)

    assert [(lost.lease_id, lost.units) for lost in news.lost] == [(at_work.lease_id, "")]
    assert bench.finish(at_work) == "gone"
    row = bench.stage(job)
    assert (row.pending, row.leased, row.done, row.failed) == (4, 0, 0, 0)
    assert len(bench.work_off()) == 4 + 2 + 1
    assert bench.job(job).state == "done"


def test_only_the_named_frames_of_a_lease_are_taken_from_it(bench: Bench):
    job = bench.trial("1-6")
    lease = bench.take(seconds_per_unit={bench.stage(job).id: 1.0})
    assert lease.units == Spans.of(1, 3)

    news = bench.retry(job, "2")

    assert [(lost.lease_id, lost.units) for lost in news.lost] == [(lease.lease_id, "2")]
    assert bench.finish(lease, 1) == "accepted"
    assert bench.finish(lease, 2) == "gone"
    assert bench.finish(lease, 3) == "accepted"


def test_l4_an_old_lease_can_deliver_nothing_of_what_is_made_anew(bench: Bench):
    job = bench.trial("1-2")
    expired, other = bench.take("w1"), bench.take("w2")
    bench.expire(expired)
    bench.finish(other)

    bench.retry(job, "1-2")

    assert bench.finish(expired) == "gone"
    assert bench.finish(other) == "gone"
    assert bench.fail(expired) == "stale"
    assert done_units(bench, job) == []


def test_figures_are_those_of_what_is_left(bench: Bench):
    job = bench.trial("1-3")
    for seconds in (1.0, 9.0, 2.0):
        lease = bench.take()
        bench.finish(lease, facts=UnitFacts(seconds=seconds, peak_memory_bytes=int(seconds)))

    bench.retry(job, "2")

    row = bench.stage(job)
    assert (row.seconds, row.slowest_unit, row.slowest_s, row.peak_memory_bytes) == (3.0, 3, 2.0, 2)


def test_a_paused_job_stays_paused_over_a_retry(bench: Bench):
    job = bench.trial("1-2")
    bench.finish(bench.take())
    bench.pause(job)

    bench.retry(job, "1")

    assert bench.job(job).state == "paused"
    assert bench.claim() is None
    bench.resume(job)
    assert len(bench.work_off()) == 2


def test_frames_that_are_named_but_not_there_are_said(bench: Bench):
    job = bench.trial("1-3")

    with pytest.raises(NoSuchFramesError, match="none of the frames 7-9; it has 1-3"):
        bench.retry(job, "7-9")


def test_named_frames_of_a_cancelled_job_bring_back_the_rest_too(bench: Bench):
    job = bench.trial("1-4")
    bench.finish(bench.take())
    bench.cancel(job)

    bench.retry(job, "1")

    row = bench.stage(job)
    assert (row.pending, row.done, row.cancelled) == (4, 0, 0)


def test_l9_what_went_wrong_before_a_job_was_cancelled_counts_no_more(bench: Bench):
    job = bench.trial("1")
    for worker in ("w1", "w2"):
        bench.fail(bench.take(worker))
    bench.cancel(job)

    bench.retry(job)
    bench.fail(bench.take("w3"))

    assert (bench.job(job).state, bench.stage(job).failed) == ("running", 0)


def test_a_unit_given_up_before_a_job_was_cancelled_and_not_named_stays_failed(bench: Bench):
    job = bench.trial("1-2")
    bench.fail(bench.take(), reason="refused")
    bench.cancel(job)

    bench.retry(job, "2")

    assert bench.stage(job).failed == 1


def test_a_failed_unit_that_is_not_named_stays_failed(bench: Bench):
    job = bench.trial("1-3")
    for unit in range(3):
        lease = bench.take()
        if unit == 1:
            bench.fail(lease, reason="refused")
        else:
            bench.finish(lease)

    bench.retry(job, "1")
    bench.work_off()

    assert (bench.job(job).state, bench.stage(job).failed) == ("failed", 1)


def test_a_movie_segment_being_encoded_of_a_redone_frame_is_revoked(bench: Bench):
    job = bench.film("1-4", segment=2)
    leases = [bench.take() for _ in range(4)]
    for lease in leases:
        bench.finish(lease)
    segments = [bench.take("w1", kinds=frozenset({"movie"})) for _ in range(2)]

    news = bench.retry(job, "1")

    assert [lost.lease_id for lost in news.lost] == [segments[0].lease_id]
    assert bench.finish(segments[0]) == "gone"
    assert bench.finish(segments[1]) == "accepted"
    assert {row.unit: row.have for row in bench.rows(t.inputs)} == {0: 1}
    bench.work_off()
    assert bench.job(job).state == "done"


def test_a_great_job_is_put_back_to_work_by_few_statements(bench: Bench):
    job = bench.trial("1-100000")
    bench.cancel(job)
    count = bench.count_statements()

    bench.retry(job, everything=True)

    assert count.count < 60
    assert len(bench.rows(t.spans)) == 1


def test_attempts_rise_for_segments_that_wait_for_frames_made_anew(bench: Bench):
    job = bench.film("1-2", segment=2)
    bench.work_off()
    for attempt in (2, 3):
        bench.retry(job, "1")
        again = {lease.stage_id: lease.attempt for lease in bench.work_off()}
        assert set(again.values()) == {attempt}
        assert len(again) == 3


def test_l12_what_is_left_of_a_run_keeps_its_place(bench: Bench):
    """Simulated seed 705: a run that was cut went behind the unit that had failed twice."""
    job = bench.trial("1-9,21-29", largest=1)
    for _ in range(2):
        failing = bench.take("w1")
        assert str(failing.units) == "1"
        bench.fail(failing)

    bench.retry(job, "3,7,25")

    taken = [int(str(lease.units)) for lease in bench.work_off("w2")]
    assert taken == [2, 4, 5, 6, 8, 9, 21, 22, 23, 24, 26, 27, 28, 29, 1, 3, 7, 25]
