"""Attempts that went wrong (L4, L9)."""

from __future__ import annotations

import time
from collections import Counter

import msgspec

from framefarm.core.requirements import Requirements
from framefarm.db import set_clock
from framefarm.db import tables as t
from framefarm.farm.blame import Blame, known_elsewhere
from framefarm.farm.oversized import give_up_oversized
from framefarm.protocol.messages import SlotOffer
from tests.integration.farm.bench import Bench


def here(*workers: str) -> Blame:
    """A farm of these workers, who could all do everything."""
    return Blame(elsewhere=lambda _c, _asked, avoid, more: not more and bool(set(workers) - avoid))


def test_l9_the_first_retry_is_in_front_of_everything(bench: Bench):
    bench.blame = here("w1", "w2", "w3")
    bench.trial("1-3")

    assert bench.fail(bench.take("w1")) == "noted"

    leases = bench.work_off("w2")
    assert [(lease.units.first, lease.attempt) for lease in leases] == [(1, 2), (2, 1), (3, 1)]


def test_l9_later_retries_are_after_the_others(bench: Bench):
    bench.blame = here("w1", "w2", "w3")
    bench.trial("1-3")
    for worker in ("w1", "w2"):
        assert bench.fail(bench.take(worker), 1) == "noted"

    leases = bench.work_off("w3")
    assert [(lease.units.first, lease.attempt) for lease in leases] == [(2, 1), (3, 1), (1, 3)]


def test_l9_two_workers_and_one_bad_frame_do_not_fail_the_rest(bench: Bench):
    """Only the bad frame fails, with its reason; nobody is quarantined for it."""
    bench.blame = here("w1", "w2")
    film, other = bench.film("1-4", segment=2), bench.trial("1-2")
    bad, others = bench.stage(film).id, lambda _asked, avoid, _more: bool({"w1", "w2"} - avoid)
    tried, done = [], Counter()
    for _ in range(40):
        for worker in ("w1", "w2"):
            lease = bench.claim(worker, others=others)
            if lease is None:
                continue
            if (lease.stage_id, lease.units.first) == (bad, 2):
                tried.append(worker)
                bench.fail(lease, reason="crashed", message="Blender crashed: SIGSEGV.")
            else:
                assert bench.finish(lease) == "accepted"
                done[worker] += 1

    assert len(tried) == 3
    assert set(tried[:2]) == {"w1", "w2"}, "each of them first"
    assert set(done) == {"w1", "w2"}
    assert bench.job(other).state == "done"
    assert [bench.stage(film, at).done for at in range(3)] == [3, 1, 0]
    [fault] = bench.rows(t.faults, t.faults.c.final)
    assert (fault.unit, fault.message) == (2, "Blender crashed: SIGSEGV.")
    assert bench.rows(t.quarantines) == []


def test_l9_out_of_memory_where_nobody_has_more_fails_with_the_peak(bench: Bench):
    bench.blame = here("w1", "w2")
    job = bench.trial("1-2")
    gib = 1 << 30

    bench.fail(
        bench.take(), reason="out_of_memory", memory_bytes=8 * gib, peak_memory_bytes=9 * gib
    )

    [fault] = bench.rows(t.faults)
    assert (fault.final, fault.memory_bytes, fault.peak_memory_bytes) == (True, 8 * gib, 9 * gib)
    assert "8 GiB of memory were not enough (it took 9 GiB" in fault.message
    assert "add a worker with more memory" in bench.news.units[0].message
    assert bench.job(job).state == "running"


def test_l9_what_a_worker_that_was_here_a_moment_ago_could_do_does_not_fail(bench: Bench):
    """After the manager's start nobody is connected, yet they are on their way back."""
    slots = ({"slot": "cpu", "kinds": ("trial",), "memory_bytes": 8},)
    offered = msgspec.convert(slots, tuple[SlotOffer, ...])
    worker = bench.hello(slots=offered).worker_id
    asked = Requirements("trial")

    def known(asked: Requirements, *, avoid: str = "", more: int = 0, seen_s: float = 60.0) -> bool:
        return bench.do(known_elsewhere, asked, frozenset({avoid}), more, seen_s=seen_s)

    assert known(asked)
    assert not known(asked, avoid=worker)
    assert not known(asked, more=8)
    assert not known(asked, seen_s=-60.0)
    set_clock(bench.engine, lambda _: time.time() - 86_400.0)
    assert not known(asked), "it is not on its way back for as long as a clock went back"
    set_clock(bench.engine, None)
    assert not known(Requirements("render", "5.0"))
    bench.do(lambda c: c.execute(t.workers.update().values(state="disabled")))
    assert not known(asked)


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
    assert (row.state, row.message) == (
        "failed",
        "Units failed: 1 of 2 in trial. trial 2: it broke",
    )
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
    assert bench.stage(job).pending == 4


def test_l4_a_success_after_a_failure_of_the_same_attempt_counts_as_any_other(bench: Bench):
    job = bench.trial("1-2")
    lease = bench.take()
    bench.fail(lease)

    assert bench.finish(lease) == "accepted_late"
    assert (bench.stage(job).done, bench.stage(job).pending) == (1, 1)


def test_a_failed_frame_stops_only_what_needs_it(bench: Bench):
    job = bench.film("1-4", segment=2)
    bench.fail(bench.take(), reason="refused")

    kinds = [lease.stage_id for lease in bench.work_off()]

    render, movie = bench.stage(job).id, bench.stage(job, 1).id
    assert sorted(kinds) == sorted([render] * 3 + [movie])
    row = bench.job(job)
    assert (row.state, row.message) == (
        "failed",
        "Units failed: 1 of 4 in render. render 1: it broke",
    )
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


def test_l9_a_unit_that_waits_for_memory_fails_once_nobody_has_it_any_more(bench: Bench):
    gib, there = 1 << 30, {"large"}
    bench.blame = Blame(elsewhere=lambda _c, _asked, avoid, _more: bool(there - avoid))
    job = bench.trial("1-3")
    bench.fail(
        bench.take(), reason="out_of_memory", memory_bytes=8 * gib, peak_memory_bytes=9 * gib
    )
    assert bench.do(give_up_oversized, bench.catalog, bench.blame).units == []
    bench.work_off("small", memory_bytes=8 * gib)
    assert (bench.job(job).state, bench.stage(job).pending) == ("running", 1)

    there.clear()
    news = bench.do(give_up_oversized, bench.catalog, bench.blame)

    assert [(unit.unit, unit.state) for unit in news.units] == [(1, "failed")]
    assert "no worker has more" in bench.job(job).message
    assert bench.job(job).state == "failed"
    bench.check()
    assert bench.do(give_up_oversized, bench.catalog, bench.blame).units == []
