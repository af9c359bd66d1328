"""A success counts once, from whichever attempt comes first (L2, L4, L5, L6)."""

from __future__ import annotations

import pytest

from framefarm.db import tables as t
from framefarm.farm.finishes import LeaseChangedError, finish_many
from framefarm.farm.late_finishes import Finish
from framefarm.protocol.messages import UnitFacts
from tests.integration.farm.bench import Bench


def test_a_result_is_stored_with_its_facts_and_files(bench: Bench):
    job = bench.film("7")
    lease = bench.take()
    facts = UnitFacts(2.5, 99, "CPU", "5.0.1", {"rendering": 2.0}, {"tiles": 4})

    assert bench.finish(lease, facts=facts) == "accepted"

    [result] = bench.rows(t.results)
    assert (result.unit, result.lease_id, result.answer) == (7, lease.lease_id, "accepted")
    assert (result.seconds, result.peak_memory_bytes, result.device) == (2.5, 99, "CPU")
    assert result.facts == '{"phases":{"rendering":2.0},"extra":{"tiles":4}}'
    assert [file.role for file in bench.rows(t.files)] == ["image"]
    stage = bench.stage(job)
    assert (stage.done, stage.leased, stage.slowest_unit, stage.peak_memory_bytes) == (1, 0, 7, 99)


def test_a_lease_shrinks_with_each_unit_and_goes_with_its_last(bench: Bench):
    job = bench.trial("1-6")
    lease = bench.take(seconds_per_unit={bench.stage(job).id: 1.0})
    assert str(lease.units) == "1-3"

    bench.finish(lease, 2)
    assert bench.rows(t.leases)[0].units == "1,3"
    bench.finish(lease, 1)
    bench.finish(lease, 3)

    assert bench.rows(t.leases) == []


def test_l5_a_repeated_finish_gets_the_same_answer(bench: Bench):
    bench.trial("1-2")
    lease = bench.take()

    assert [bench.finish(lease) for _ in range(3)] == ["accepted"] * 3
    assert len(bench.rows(t.results)) == 1


def test_l5_a_finish_repeated_within_one_group_counts_once(bench: Bench):
    job = bench.trial("1-2")
    twice = [bench.result(bench.take())] * 2

    assert bench.finishes(twice) == ["accepted", "accepted"]
    assert bench.stage(job).done == 1
    assert [unit.unit for unit in bench.news.units] == [1]


def test_the_answers_of_a_group_are_in_the_order_of_its_finishes(bench: Bench):
    bench.trial("1-4")
    first, second, third, _ = (bench.take() for _ in range(4))
    bench.finish(first)

    answers = bench.finishes(
        [
            bench.result(second),
            bench.result(first, lease_id="0" * 32),
            bench.result(third, 4),
            bench.result(third),
        ]
    )

    assert answers == ["accepted", "already_done", "gone", "accepted"]


def test_l4_a_late_success_counts_while_its_unit_is_pending(bench: Bench):
    job = bench.trial("1-9", order="spread")
    lease = bench.take()
    bench.expire(lease)

    assert bench.finish(lease) == "accepted_late"

    assert bench.stage(job).done == 1
    assert bench.finish(lease) == "accepted_late"


def test_l4_a_late_success_takes_its_unit_out_of_the_middle_of_a_span(bench: Bench):
    job = bench.trial("1-30x3")
    lease = bench.take(seconds_per_unit={bench.stage(job).id: 1.0})
    assert str(lease.units) == "1-13x3"
    bench.expire(lease)

    assert bench.finish(lease, 7) == "accepted_late"

    spans = [(row.first, row.last, row.step) for row in bench.rows(t.spans)]
    assert (1, 1, 1) in spans
    assert not any(first <= 7 <= last and (7 - first) % step == 0 for first, last, step in spans)


def test_l4_a_late_success_counts_while_another_worker_has_the_unit(bench: Bench):
    bench.trial("1")
    first = bench.take("w1")
    bench.expire(first)
    second = bench.take("w2")

    assert bench.finish(first) == "accepted_late"
    assert [(lost.lease_id, lost.worker_id) for lost in bench.news.lost] == [
        (second.lease_id, "w2")
    ]
    assert bench.finish(second) == "already_done"
    assert bench.fail(second) == "stale"


def test_l4_a_late_success_leaves_the_other_units_of_the_other_lease(bench: Bench):
    job = bench.trial("1-4")
    speed = {bench.stage(job).id: 1.0}
    first = bench.take("w1", seconds_per_unit=speed)
    bench.expire(first)
    second = bench.take("w2", seconds_per_unit=speed)
    assert first.units == second.units

    assert bench.finish(first, 1) == "accepted_late"

    assert [(lost.lease_id, lost.units) for lost in bench.news.lost] == [(second.lease_id, "1")]
    assert bench.finish(second, 2) == "accepted"


def test_l4_a_late_success_counts_after_the_unit_failed(bench: Bench):
    job = bench.trial("1")
    first = bench.take("w1")
    bench.expire(first)
    bench.fail(bench.take("w2"), reason="refused")
    assert bench.job(job).state == "failed"

    assert bench.finish(first) == "accepted_late"

    assert (bench.job(job).state, bench.job(job).message) == ("done", "")
    assert bench.stage(job).state == "done"


def test_l4_a_late_success_lets_a_failed_job_go_on_with_what_it_unlocks(bench: Bench):
    job = bench.film("1-2", segment=2)
    first = bench.take("w1")
    bench.finish(bench.take("w1"))
    bench.expire(first)
    bench.fail(bench.take("w2"), reason="refused")
    assert bench.job(job).state == "failed"

    assert bench.finish(first) == "accepted_late"

    assert bench.job(job).state == "queued"
    bench.work_off()
    assert bench.job(job).state == "done"


def test_l4_the_second_of_two_successes_is_told_so(bench: Bench):
    bench.trial("1-2")
    first = bench.take("w1")
    bench.expire(first)
    second = bench.take("w2")

    assert bench.finish(second) == "accepted"
    assert bench.finish(first) == "already_done"


def test_a_finish_of_an_unknown_lease_is_gone(bench: Bench):
    bench.trial("1-2")

    assert bench.finish(bench.take(), lease_id="f" * 32) == "gone"
    assert bench.rows(t.results) == []


def test_a_finish_of_an_unknown_stage_is_gone(bench: Bench):
    bench.trial("1-2")

    assert bench.finish(bench.take(), stage_id=99) == "gone"


def test_a_worker_cannot_finish_what_another_has_leased(bench: Bench):
    bench.trial("1-2")
    lease = bench.take("w1")

    assert bench.finish(lease, worker_id="w2") == "gone"
    assert bench.finish(lease) == "accepted"


def test_a_unit_that_was_not_in_the_lease_is_gone(bench: Bench):
    bench.trial("1-2")
    lease = bench.take("w1")

    assert bench.finish(lease, 2) == "gone"
    assert bench.finish(lease, 77) == "gone"


def test_l4_a_success_of_an_attempt_that_its_lease_never_was_is_gone(bench: Bench):
    """Stored, it would be the number that all later ones have to be above."""
    bench.trial("1-2")
    lease = bench.take("w1")

    assert bench.finish(lease, attempt=7) == "gone"

    assert bench.finish(lease) == "accepted"


def test_a_finish_after_the_job_was_cancelled_is_gone(bench: Bench):
    job = bench.trial("1-2")
    lease = bench.take()
    bench.cancel(job)

    assert bench.finish(lease) == "gone"
    assert bench.stage(job).cancelled == 2


def test_l6_a_finish_from_before_a_cancelled_job_was_put_back_to_work_counts(bench: Bench):
    job = bench.trial("1-2")
    lease = bench.take()
    bench.cancel(job)
    bench.retry(job)

    assert bench.finish(lease) == "accepted_late"


@pytest.mark.parametrize("kind", ["render", "movie", "join"])
def test_l5_a_result_without_the_file_its_stage_exists_for_does_not_count(bench: Bench, kind: str):
    bench.film("1-2", segment=2)
    while (lease := bench.take()) and _kind(bench, lease.stage_id) != kind:
        bench.finish(lease)

    assert bench.finish(lease, files=()) == "gone"

    assert bench.finish(lease) == "accepted"


def test_l2_a_lease_that_changed_in_between_stops_the_write(bench: Bench, monkeypatch):
    bench.trial("1-2")
    lease = bench.take()
    monkeypatch.setattr("framefarm.farm.finishes._open_leases", _outdated)

    with pytest.raises(LeaseChangedError):
        bench.finish(lease)

    assert bench.rows(t.results) == []


def _outdated(connection, ids):
    from framefarm.farm.finishes import OpenLease  # noqa: PLC0415

    row = connection.execute(t.leases.select().where(t.leases.c.id.in_(ids))).one()
    args = (row.id, row.stage_id, row.worker_id, row.attempt, row.state)
    return {row.id: OpenLease(*args, stored="1,99", left="1,99")}


def test_a_job_ends_with_its_last_unit(bench: Bench):
    job = bench.trial("1-3")
    leases = [bench.take() for _ in range(3)]

    for lease in leases[:2]:
        bench.finish(lease)
    assert bench.job(job).state == "running"
    bench.finish(leases[2])

    row = bench.job(job)
    assert (row.state, row.message) == ("done", "")
    assert row.finished_at >= row.started_at >= row.created_at
    assert bench.stage(job).state == "done"
    assert bench.news.jobs == {job}


def test_the_leases_of_a_job_that_is_done_are_forgotten(bench: Bench):
    bench.trial("1-2")
    first = bench.take()
    bench.expire(first)
    bench.work_off()

    assert bench.rows(t.leases) == []
    assert bench.finish(first) == "already_done"


def test_a_large_group_is_settled_in_few_statements(bench: Bench):
    job = bench.trial("1-1000")
    leases = [lease for lease in bench.claims([_ask(n) for n in range(1000)]) if lease]
    assert len(leases) == 1000
    finishes = [bench.result(lease, files=()) for lease in leases]
    statements = bench.count_statements()

    with bench.engine.begin() as connection:
        settled = finish_many(connection, bench.catalog, finishes)

    assert {one.answer for one in settled} == {"accepted"}
    assert bench.stage(job).done == 1000
    assert statements.count < 30


def _ask(number: int):
    from tests.integration.farm.bench import ask  # noqa: PLC0415

    return ask(f"w{number}")


def _kind(bench: Bench, stage_id: int) -> str:
    return bench.rows(t.stages, t.stages.c.id == stage_id)[0].kind


def test_the_slowest_unit_and_the_largest_memory_are_kept(bench: Bench):
    job = bench.trial("1-3")
    for seconds, memory in ((1.0, 5), (9.0, 3), (4.0, 8)):
        bench.finish(bench.take(), facts=UnitFacts(seconds=seconds, peak_memory_bytes=memory))

    stage = bench.stage(job)

    assert (stage.slowest_unit, stage.slowest_s, stage.peak_memory_bytes) == (2, 9.0, 8)
    assert stage.seconds == pytest.approx(14.0)


def test_finish_is_a_plain_value():
    one = Finish("l", 1, 2, 1, "w", UnitFacts())

    assert one == Finish("l", 1, 2, 1, "w", UnitFacts())
