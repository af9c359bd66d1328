"""How many slots of a pool may work at a time: in all, for one owner, and for one job."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from framefarm.core.requirements import Pool
from framefarm.db import tables as t
from framefarm.farm.claims import claim_many, pools_with_work
from framefarm.farm.limits import Limited
from framefarm.farm.new_jobs import Wishes
from framefarm.farm.pool_limits import pools_holding_back
from framefarm.farm.pools import limit_pool
from tests.integration.farm.bench import Bench, ask
from tests.integration.farm.test_limits import jobs_of
from tests.integration.farm.test_tails import tails

ANN = Wishes(owner="ann", pool=Pool.PUBLIC)
BOB = Wishes(owner="bob", pool=Pool.PUBLIC)
OWN, PUBLIC = Pool.OWN, Pool.PUBLIC


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """A bench with workers in pools: `o1` to `o6` and `p1` to `p6`, `slow` and `fast`."""
    names = [(f"{pool[0]}{n}", pool) for pool in (OWN, PUBLIC) for n in range(1, 7)]
    rows = [_worker(name, pool) for name, pool in [*names, ("slow", OWN), ("fast", OWN)]]
    bench.do(lambda c: c.execute(insert(t.workers), rows))
    return bench


def _worker(name: str, pool: str) -> dict[str, object]:
    row = {"id": name, "name": name, "key_hash": name, "boot_id": "b", "state": "idle"}
    more = {"agent_version": "", "facts": {}, "slots": [], "pool": pool}
    return {**row, **more, "first_seen_at": 0.0, "last_seen_at": 0.0}


def asking(pool: Pool, count: int = 6) -> list[object]:
    return [ask(f"{pool[0]}{n}", pool=pool) for n in range(1, count + 1)]


def limit(bench: Bench, pool: Pool = PUBLIC, **limits: int | None) -> None:
    bench.do(limit_pool, pool, limits)


@pytest.mark.parametrize("together", [True, False])
def test_no_more_slots_of_a_pool_work_than_may(bench: Bench, *, together: bool):
    limit(bench, max_slots=2)
    job = bench.trial("1-100", wishes=ANN)

    requests = asking(PUBLIC)
    groups = [requests] if together else [[one] for one in requests]
    leases = [lease for group in groups for lease in bench.claims(group)]

    assert jobs_of(leases) == [job, job, None, None, None, None]
    assert jobs_of(bench.claims(asking(OWN, 3))) == [job, job, job]
    bench.check()


def test_a_slot_of_the_pool_that_ends_lets_another_begin(bench: Bench):
    limit(bench, max_slots=1)
    job = bench.trial("1-100", wishes=ANN)
    first = bench.take("p1", pool=PUBLIC)
    assert bench.claim("p2", pool=PUBLIC) is None

    bench.finish(first)

    assert bench.take("p2", pool=PUBLIC).job_id == job


def test_one_owner_has_no_more_slots_of_a_pool_than_may_be(bench: Bench):
    limit(bench, max_slots_per_user=2)
    hers, his = bench.trial("1-100", wishes=ANN), bench.trial("1-100", wishes=BOB)

    leases = bench.claims(asking(PUBLIC))

    assert sorted(job or 0 for job in jobs_of(leases)) == [0, 0, hers, hers, his, his]
    assert jobs_of(bench.claims(asking(OWN, 2))) != [None, None]


def test_one_job_has_no_more_slots_of_a_pool_than_may_be(bench: Bench):
    limit(bench, max_slots_per_job=1)
    first, second = bench.trial("1-100", wishes=ANN), bench.trial("1-100", wishes=ANN)

    leases = bench.claims(asking(PUBLIC, 3))

    assert jobs_of(leases) == [first, second, None]
    assert not bench.job(first).at_limit
    bench.check()


def test_limits_are_changed_piece_by_piece_and_lifted(bench: Bench):
    limit(bench, max_slots=1)
    limit(bench, max_slots_per_job=1)
    bench.trial("1-100", wishes=ANN)
    assert jobs_of(bench.claims(asking(PUBLIC, 2)))[1] is None

    limit(bench, max_slots=None)
    assert bench.claim("p2", pool=PUBLIC) is None
    limit(bench, max_slots_per_job=None)
    assert bench.claim("p2", pool=PUBLIC) is not None
    [row] = bench.rows(t.pools)
    assert tuple(row) == ("public", None, None, None)


@pytest.mark.parametrize("which", ["max_slots", "max_slots_per_user", "max_slots_per_job"])
@pytest.mark.parametrize(("most", "second"), [(1, False), (2, True)])
def test_a_second_lease_of_a_last_unit_keeps_to_the_limits(
    bench: Bench, which: str, most: int, *, second: bool
):
    limit(bench, OWN, **{which: most})
    bench.trial("1", wishes=ANN)
    bench.take("slow")

    [lease] = tails(bench, "fast")

    assert (lease is not None) is second


@pytest.mark.parametrize(
    ("limits", "told", "change"),
    [
        ({"max_slots": 2}, "2 of the 2 slots of pool public that may work", "public 3`"),
        ({"max_slots_per_user": 2}, "ann has 2 of the 2 slots of pool public", "--per-user 3`"),
        ({"max_slots_per_job": 2}, "the job has 2 of the 2 slots of pool public", "--per-job 3`"),
    ],
)
def test_what_holds_a_job_back_is_told_with_what_would_change_it(
    bench: Bench, limits: dict[str, int], told: str, change: str
):
    limit(bench, **limits)
    limit(bench, OWN, max_slots=9)
    job = bench.trial("1-100", wishes=ANN)
    assert bench.do(pools_holding_back, bench.job(job)) == {}

    bench.claims(asking(PUBLIC))

    found = bench.do(pools_holding_back, bench.job(job))
    assert list(found) == ["public"]
    assert told in found["public"]
    assert change in found["public"]
    only_own = bench.trial("1", wishes=Wishes(owner="ann"))
    assert bench.do(pools_holding_back, bench.job(only_own)) == {}


def test_whatever_changes_wakes_slots_that_a_pool_kept_back(bench: Bench):
    limit(bench, max_slots=1)
    bench.trial("1-100", wishes=ANN)
    limited = Limited()
    bench.do(claim_many, asking(PUBLIC, 1), limited)
    assert not limited.concerned([99], lambda _: "bob")

    bench.do(claim_many, asking(PUBLIC, 2)[1:], limited)

    assert limited.concerned([99], lambda _: "bob")
    assert not limited.concerned([99], lambda _: "bob")


@pytest.mark.parametrize(
    "limits", [{"max_slots": 1}, {"max_slots_per_user": 1}, {"max_slots_per_job": 1}]
)
def test_pools_for_which_limits_leave_nothing_are_known_without_asking_for_a_slot(
    bench: Bench, limits: dict[str, int]
):
    limit(bench, **limits)
    bench.trial("1-9", largest=1, wishes=ANN)
    limited = Limited()
    assert bench.do(pools_with_work, limited) == set(Pool)
    [lease] = bench.claims(asking(PUBLIC, 1))
    assert lease is not None

    assert bench.do(pools_with_work, limited) == {Pool.OWN, Pool.FRIENDS}
    # Whoever waits is still woken by what changes next.
    assert limited.concerned([99], lambda _: "bob")
    bench.finish(lease)
    assert bench.do(pools_with_work, limited) == set(Pool)


def test_pools_are_not_trusted_with_what_is_for_others(bench: Bench):
    bench.trial("1-9")
    assert bench.do(pools_with_work, Limited()) == {Pool.OWN}
    bench.work_off()
    assert bench.do(pools_with_work, Limited()) == set()


def test_job_at_its_limit_is_let_go_on_where_it_is_looked_for_work(bench: Bench):
    job, limited = bench.trial("1-9", largest=1, max_workers=1), Limited()
    [lease, kept] = bench.claims([ask("w1"), ask("w2")])
    assert (lease is not None, kept) == (True, None)
    assert bench.do(pools_with_work, limited) == set()
    assert limited.concerned([job], lambda _: "")

    bench.finish(lease)

    assert bench.do(pools_with_work, limited) == {Pool.OWN}


def test_claims_count_the_leases_of_a_pool_once_for_each_group(bench: Bench):
    limit(bench, max_slots=100, max_slots_per_user=100, max_slots_per_job=100)
    for _ in range(20):
        bench.trial("1-10", wishes=ANN)
    statements = bench.count_statements()

    bench.claims(asking(PUBLIC))

    assert statements.count < 35
