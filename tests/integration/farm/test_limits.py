"""How many slots jobs and owners may have at a time, and how owners share the rest (L12)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from framefarm.db import tables as t
from framefarm.farm import steering
from framefarm.farm.limits import Limited, what_holds_back
from framefarm.farm.new_jobs import Wishes
from tests.integration.farm.bench import Bench, ask
from tests.integration.farm.test_tails import tails

ANN, BOB = Wishes(owner="ann"), Wishes(owner="bob")


def person(bench: Bench, name: str, **quota: int) -> None:
    row = {"name": name, "role": "artist", "created_at": 0.0, **quota}
    bench.do(lambda c: c.execute(insert(t.users).values(**row)))


def jobs_of(leases: list[Any]) -> list[int | None]:
    return [lease.job_id if lease else None for lease in leases]


def many(count: int) -> list[Any]:
    return [ask(f"w{n}") for n in range(count)]


def test_l12_who_has_one_job_gets_half_of_the_slots_as_they_become_free(bench: Bench):
    hers = [bench.trial("1-4", wishes=ANN) for _ in range(50)]
    leases = bench.claims(many(6))
    his = bench.trial("1-100", wishes=BOB)

    for lease in leases[:5]:
        assert lease is not None
        bench.finish(lease)
        leases.append(bench.take(lease.worker_id))

    assert jobs_of(leases[6:9]) == [his] * 3
    assert set(jobs_of(leases[9:])) & set(hers)
    bench.check()


@pytest.mark.parametrize("together", [True, False])
def test_a_job_has_no_more_slots_than_it_may(bench: Bench, *, together: bool):
    limited = bench.trial("1-100", max_workers=2)
    other = bench.trial("1-100")

    asking = many(4)
    groups = [asking] if together else [[one] for one in asking]
    leases = [lease for group in groups for lease in bench.claims(group)]

    assert jobs_of(leases) == [limited, limited, other, other]
    bench.check()


def test_a_job_at_its_limit_goes_on_when_a_slot_of_it_ends(bench: Bench):
    job = bench.trial("1-100", max_workers=1)
    first = bench.take("w1")
    assert bench.claim("w2") is None
    assert bench.job(job).at_limit

    bench.finish(first)

    assert bench.take("w2").job_id == job
    assert bench.claim("w1") is None
    bench.check()


def test_a_job_at_its_limit_goes_on_when_its_worker_is_lost(bench: Bench):
    job = bench.trial("1-100", max_workers=1)
    bench.take("w1")
    assert bench.claim("w2") is None

    bench.lose("w1")

    assert bench.take("w2").job_id == job
    bench.check()


def test_a_limit_is_changed_while_the_job_runs(bench: Bench):
    job = bench.trial("1-100", max_workers=1)
    bench.take("w1")

    bench.do(steering.limit, job, 2)
    assert bench.take("w2").job_id == job
    assert bench.claim("w3") is None
    bench.check()

    bench.do(steering.limit, job, None)
    assert bench.take("w3").job_id == job
    bench.check()

    bench.do(steering.limit, job, 2)
    assert bench.claim("w4") is None
    bench.check()


@pytest.mark.parametrize(("most", "second"), [(1, False), (2, True)])
def test_a_second_lease_of_a_last_unit_keeps_to_the_limit(bench: Bench, *, most: int, second: bool):
    job = bench.trial("1", max_workers=most)
    bench.take("slow")

    [lease] = tails(bench, "fast")

    assert (lease is not None) is second
    assert bench.job(job).at_limit
    bench.check()


def test_a_second_lease_of_a_last_unit_keeps_to_the_quota_of_the_owner(bench: Bench):
    person(bench, "ann", max_slots=1)
    bench.trial("1", wishes=ANN)
    bench.take("slow")

    assert tails(bench, "fast") == [None]


def test_an_owner_has_no_more_slots_than_the_quota(bench: Bench):
    person(bench, "ann", max_slots=2)
    hers, his = bench.trial("1-100", wishes=ANN), bench.trial("1-100", wishes=BOB)

    leases = bench.claims(many(6))

    assert sorted(jobs_of(leases)) == [hers] * 2 + [his] * 4
    assert leases[0] is not None
    bench.finish(leases[0])
    assert bench.take("w0").job_id == hers


def test_an_owner_alone_on_the_farm_keeps_to_the_quota_too(bench: Bench):
    person(bench, "ann", max_slots=2)
    job = bench.trial("1-100", wishes=ANN)

    leases = bench.claims(many(3))

    assert jobs_of(leases) == [job, job, None]
    assert "2 of the 2 slots" in bench.do(what_holds_back, bench.job(job))


def test_what_holds_a_job_back_is_told_with_what_would_change_it(bench: Bench):
    job = bench.trial("1-100", max_workers=2)
    assert bench.do(what_holds_back, bench.job(job)) == ""

    bench.claims(many(2))

    told = bench.do(what_holds_back, bench.job(job))
    assert "2 of the 2 slots" in told
    assert f"`framefarm limit {job} 3`" in told


def test_claims_ask_as_little_however_many_jobs_are_at_their_limit(bench: Bench):
    for _ in range(30):
        bench.trial("1-10", max_workers=1)
    bench.claims(many(30))
    last = bench.trial("1-10")
    statements = bench.count_statements()

    assert bench.take("new").job_id == last

    assert statements.count < 20


def test_who_is_kept_back_is_woken_by_what_may_let_it_go_on():
    limited = Limited()
    assert not limited.concerned([1], lambda _: "ann")

    limited.note([1], ["bob"])

    assert not limited.concerned([2], lambda _: "ann")
    assert limited.concerned([1], lambda _: "ann")
    assert not limited.concerned([1], lambda _: "ann")
    assert limited.concerned([3], lambda _: "bob")
    limited.note([], ["bob"])
    assert limited.concerned([3], lambda _: None)
