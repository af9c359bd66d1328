"""Second leases of the last units, and what becomes of them (L11)."""

from __future__ import annotations

import pytest

from framefarm.core.spans import Spans
from framefarm.core.tail import Pace
from framefarm.db import tables as t
from framefarm.farm.claim_requests import ClaimedLease
from framefarm.farm.recalls import recall
from framefarm.farm.tails import TailRequest, lease_tails
from framefarm.protocol.messages import UnitFacts
from tests.integration.farm.bench import Bench, ask


class Watched:
    """Paces by worker; a unit usually takes a second."""

    def __init__(self, **paces: Pace) -> None:
        self.paces = paces

    def of(self, _stage: int, worker: str, _slot: str, _unit: int) -> Pace:
        return self.paces.get(worker, Pace(1.0))

    def usual_s(self, _stage: int) -> float | None:
        return 1.0


SLOW = Watched(slow=Pace(60.0))


def tails(bench: Bench, *workers: str, watch: Watched = SLOW, **request) -> list:
    return bench.do(lease_tails, [TailRequest(ask(name, **request), watch) for name in workers])


def lent_twice(bench: Bench) -> tuple[ClaimedLease, ClaimedLease]:
    """A unit that two workers are at."""
    bench.trial("1")
    first = bench.take("slow")
    [second] = tails(bench, "fast")
    assert second is not None
    bench.check()
    return first, second


def test_l11_the_unit_that_ends_last_is_lent_a_second_time(bench: Bench):
    bench.trial("1-4")
    speeds = {1: 0.01}
    slow = bench.take("slow", seconds_per_unit=speeds)
    while bench.claim("other", seconds_per_unit=speeds):
        pass

    [second] = tails(bench, "fast")

    assert second is not None
    assert second.units == Spans.of(slow.units.last, slow.units.last)
    assert second.attempt > slow.attempt
    assert bench.stage(1).leased == 4
    bench.check()


@pytest.mark.parametrize("taken", [0, 1])
def test_l11_of_a_unit_that_two_are_at_one_lease_is_taken_back(bench: Bench, taken: int):
    both = lent_twice(bench)

    news = bench.do(recall, bench.catalog, both[taken].lease_id)

    assert [lost.lease_id for lost in news.lost] == [both[taken].lease_id]
    assert (bench.stage(1).pending, bench.stage(1).leased) == (0, 1)
    bench.check()
    assert bench.finish(both[1 - taken]) == "accepted"
    bench.check()


def test_l11_nothing_is_lent_twice_while_something_is_pending(bench: Bench):
    bench.trial("1-9")
    bench.take("slow")

    assert tails(bench, "fast") == [None]


def test_l11_a_unit_is_lent_twice_at_most_and_never_to_its_own_worker(bench: Bench):
    bench.trial("1")
    bench.take("slow")

    assert tails(bench, "slow") == [None]
    first, second = tails(bench, "fast", "faster")
    assert first is not None
    assert second is None
    assert tails(bench, "third") == [None]
    bench.check()


def test_l11_what_would_gain_nothing_is_not_lent(bench: Bench):
    bench.trial("1")
    bench.take("slow")

    assert tails(bench, "fast", watch=Watched(slow=Pace(1.0))) == [None]
    assert tails(bench, "fast", watch=Watched(slow=Pace(60.0, 1.0, 0.9))) == [None]


def test_l11_the_first_result_wins_and_the_other_holder_is_told(bench: Bench):
    first, second = lent_twice(bench)

    assert bench.finish(second) == "accepted"

    assert [(lost.lease_id, lost.worker_id) for lost in bench.news.lost] == [
        (first.lease_id, "slow")
    ]
    assert bench.rows(t.leases) == []
    assert bench.job(1).state == "done"
    assert bench.finish(first) == "already_done"
    bench.check()


def test_l11_the_first_holder_may_win_as_well(bench: Bench):
    first, second = lent_twice(bench)

    assert bench.finish(first) == "accepted"

    assert [lost.lease_id for lost in bench.news.lost] == [second.lease_id]
    assert bench.finish(second) == "already_done"
    bench.check()


def test_l11_both_results_in_one_group_count_once(bench: Bench):
    first, second = lent_twice(bench)

    answers = bench.finishes([bench.result(second), bench.result(first)])

    assert answers == ["accepted", "already_done"]
    assert len(bench.rows(t.results)) == 1
    bench.check()


def test_l11_only_the_unit_that_was_finished_is_taken_from_a_lease_of_several(bench: Bench):
    bench.trial("1-2")
    slow = bench.take("slow", seconds_per_unit={1: 0.01})
    rest = bench.claim("slow", seconds_per_unit={1: 0.01})
    assert rest is not None
    bench.finish(slow)
    bench.do(lambda c: c.execute(t.leases.update().values(units="1-2")))
    bench.do(lambda c: c.execute(t.results.delete()))
    bench.do(lambda c: c.execute(t.stages.update().values(done=0, leased=2, seconds=0.0)))
    [second] = tails(bench, "fast")
    assert second is not None
    assert second.units == Spans.of(2, 2)

    bench.finish(second)

    assert [(lost.worker_id, lost.units) for lost in bench.news.lost] == [("slow", "2")]
    [left] = bench.rows(t.leases)
    assert left.units == "1"
    bench.check()


def test_l11_a_second_lease_that_ends_gives_nothing_back_while_the_first_lives(bench: Bench):
    first, second = lent_twice(bench)

    bench.lose("fast")

    assert bench.stage(1).pending == 0
    assert bench.stage(1).leased == 1
    assert bench.finish(first) == "accepted"
    assert second.attempt == 2
    bench.check()


def test_l11_when_both_leases_end_the_unit_is_pending_once_with_a_higher_attempt(bench: Bench):
    lent_twice(bench)

    bench.lose("slow")
    bench.check()
    bench.lose("fast")

    bench.check()
    [span] = bench.rows(t.spans)
    assert (span.first, span.last, span.attempt) == (1, 1, 3)
    assert bench.take("third").attempt == 3


def test_l11_both_leases_that_expire_together_give_the_unit_back_once(bench: Bench):
    first, second = lent_twice(bench)

    bench.expire(first, second)

    bench.check()
    assert bench.stage(1).pending == 1


def test_l11_a_failure_of_one_leaves_the_unit_to_the_other(bench: Bench):
    first, second = lent_twice(bench)

    assert bench.fail(second, reason="refused") == "noted"

    assert (bench.stage(1).leased, bench.stage(1).failed) == (1, 0)
    bench.check()
    assert bench.finish(first) == "accepted"
    assert bench.job(1).state == "done"
    bench.check()


def test_l11_a_late_result_ends_both_leases(bench: Bench):
    bench.trial("1")
    lost = bench.take("lost")
    bench.lose("lost")
    first = bench.take("slow")
    [second] = tails(bench, "fast")
    assert second is not None

    assert bench.finish(lost) == "accepted_late"

    assert {one.lease_id for one in bench.news.lost} == {first.lease_id, second.lease_id}
    assert bench.job(1).state == "done"
    bench.check()


def test_l11_a_unit_that_went_wrong_before_is_not_lent_twice(bench: Bench):
    bench.trial("1")
    bench.fail(bench.take("w1"))
    bench.take("slow")

    assert tails(bench, "fast") == [None]


def test_l11_a_cancelled_job_ends_both_leases_and_can_be_retried(bench: Bench):
    first, second = lent_twice(bench)

    news = bench.cancel(1)

    assert {lost.lease_id for lost in news.lost} == {first.lease_id, second.lease_id}
    bench.check()
    bench.retry(1)
    bench.check()
    assert bench.take("w").attempt == 3


def test_l11_only_a_slot_that_suits_is_lent_a_unit(bench: Bench):
    bench.trial("1")
    bench.take("slow")

    assert tails(bench, "fast", kinds=frozenset({"render"})) == [None]
    assert tails(bench, "fast", barred=frozenset({("trial", "")})) == [None]
    assert tails(bench, "fast", seconds_per_unit={1: 100.0}) == [None]


def test_facts_are_of_the_lease_that_won(bench: Bench):
    _, second = lent_twice(bench)

    bench.finish(second, facts=UnitFacts(seconds=2.0))

    [result] = bench.rows(t.results)
    assert (result.worker_id, result.attempt, result.seconds) == ("fast", second.attempt, 2.0)
