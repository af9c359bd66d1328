"""Attempts that went wrong (L4, L9)."""

from __future__ import annotations

from framefarm.db import tables as t
from tests.integration.farm.bench import Bench


def test_l9_a_failed_unit_is_tried_again_after_the_others(bench: Bench):
    bench.trial("1-3")

    assert bench.fail(bench.take("w1")) == "noted"

    leases = bench.work_off("w2")
    assert [(lease.units.first, lease.attempt) for lease in leases] == [(2, 1), (3, 1), (1, 2)]


def test_the_reason_and_the_log_are_kept(bench: Bench):
    job = bench.trial("1")
    lease = bench.take()
    bench.fail(lease, reason="crashed", message="Blender crashed.", log_tail="Segmentation fault")

    [fault] = bench.rows(t.faults)

    assert (fault.unit, fault.attempt, fault.worker_id) == (1, 1, "w1")
    assert (fault.reason, fault.message, fault.log_tail) == (
        "crashed",
        "Blender crashed.",
        "Segmentation fault",
    )
    assert not fault.final
    assert [(unit.unit, unit.state, unit.message) for unit in bench.news.units] == [
        (1, "retry", "Blender crashed.")
    ]
    assert bench.news.work
    assert bench.job(job).state == "running"


def test_l9_the_third_error_makes_a_unit_failed(bench: Bench):
    job = bench.trial("1-2")
    good = bench.take("w0")
    for worker in ("w1", "w2", "w3"):
        bench.fail(bench.take(worker))

    assert bench.claim("w4") is None
    assert bench.stage(job).failed == 1
    assert bench.news.units[0].state == "failed"
    assert bench.job(job).state == "running"

    bench.finish(good)

    row = bench.job(job)
    assert (row.state, row.message) == ("failed", "Units failed: 1 of 2 in trial.")
    assert row.finished_at is not None
    assert bench.stage(job).state == "failed"


def test_l9_what_blender_refuses_fails_at_once(bench: Bench):
    job = bench.trial("1")

    bench.fail(bench.take(), reason="refused")

    assert bench.job(job).state == "failed"
    assert bench.claim() is None


def test_l4_a_stale_failure_changes_nothing(bench: Bench):
    job = bench.trial("1-2")
    first = bench.take("w1")
    bench.expire(first)
    second = bench.take("w2")
    before = (bench.stage(job), bench.rows(t.faults), bench.rows(t.spans))

    assert bench.fail(first) == "stale"
    assert bench.fail(second, attempt=1) == "stale"
    assert bench.fail(second, worker_id="w1") == "stale"
    assert bench.fail(second, 2) == "stale"
    assert bench.fail(second, lease_id="0" * 32) == "stale"
    assert bench.fail(second, stage_id=99) == "stale"

    assert (bench.stage(job), bench.rows(t.faults), bench.rows(t.spans)) == before


def test_a_repeated_failure_counts_once(bench: Bench):
    bench.trial("1")
    lease = bench.take()

    assert [bench.fail(lease), bench.fail(lease)] == ["noted", "stale"]
    assert len(bench.rows(t.faults)) == 1


def test_a_failure_leaves_the_other_units_of_its_lease(bench: Bench):
    job = bench.trial("1-6")
    lease = bench.take(seconds_per_unit={bench.stage(job).id: 1.0})

    bench.fail(lease, 2)

    assert bench.finish(lease, 1) == "accepted"
    assert bench.finish(lease, 3) == "accepted"
    assert bench.finish(lease, 2) == "gone"


def test_a_failed_frame_stops_only_what_needs_it(bench: Bench):
    job = bench.film("1-4", segment=2)
    bench.fail(bench.take(), reason="refused")

    kinds = [lease.stage_id for lease in bench.work_off()]

    render, movie = bench.stage(job).id, bench.stage(job, 1).id
    assert sorted(kinds) == sorted([render] * 3 + [movie])
    row = bench.job(job)
    assert (row.state, row.message) == ("failed", "Units failed: 1 of 4 in render.")
    assert [bench.stage(job, at).state for at in range(3)] == ["failed", "failed", "failed"]
    assert [bench.stage(job, at).done for at in range(3)] == [3, 1, 0]


def test_losses_and_errors_are_counted_apart(bench: Bench):
    job = bench.trial("1")
    for _ in range(4):
        bench.expire(bench.take())
    bench.fail(bench.take())
    bench.fail(bench.take())

    assert bench.job(job).state == "running"
    assert bench.finish(bench.take()) == "accepted"
    assert bench.job(job).state == "done"
