"""What people's files take is counted in the transaction in which a file comes or goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, update

from framefarm.core.accounts import UserRole
from framefarm.db import tables as t
from framefarm.farm.accounts import add_user, find_user, remove_user
from framefarm.farm.invariants import check_invariants
from framefarm.farm.new_jobs import Wishes
from framefarm.farm.ownership import note_owner
from framefarm.farm.quotas import QuotaExceededError
from framefarm.farm.usage import remove_owners
from tests.integration.farm.bench import Bench

ANN = {"wishes": Wishes(owner="ann")}
A, B = "a" * 64, "b" * 64


def person(bench: Bench, name: str, max_bytes: int | None = None) -> int:
    bench.do(add_user, name, UserRole.ARTIST, "")
    named = t.users.c.name == name
    bench.do(lambda c: c.execute(update(t.users).where(named).values(max_bytes=max_bytes)))
    return int(bench.do(find_user, name).id)


def used(bench: Bench, name: str) -> tuple[int, int]:
    row = bench.do(find_user, name)
    return row.upload_bytes, row.result_bytes


def test_each_result_counts_for_the_owner_of_its_job(bench: Bench):
    person(bench, "ann")
    person(bench, "bob")
    job = bench.film("1-4", **ANN)
    bench.film("1-4", wishes=Wishes(owner="nobody"))
    bench.film("1-4")

    bench.work_off()

    # Four frames, two segments and their movie, of three bytes each.
    assert used(bench, "ann") == (0, 21)
    assert used(bench, "bob") == (0, 0)
    assert [bench.stage(job, n).result_bytes for n in range(3)] == [12, 6, 3]


def test_a_late_result_counts_once(bench: Bench):
    person(bench, "ann")
    bench.film("1-2", **ANN)
    lease = bench.take(kinds=frozenset({"render"}))
    bench.expire(lease)

    assert bench.finish(lease) == "accepted_late"
    assert bench.finish(lease) == "accepted_late"

    assert used(bench, "ann") == (0, 3)


def test_what_is_made_anew_counts_no_more(bench: Bench):
    person(bench, "ann")
    job = bench.film("1-4", **ANN)
    bench.work_off()

    bench.retry(job, "1")

    # The other three frames, and the segment that was not made of the first one.
    assert used(bench, "ann") == (0, 12)
    bench.work_off()
    assert used(bench, "ann") == (0, 21)


def test_a_deleted_job_counts_no_more_at_once(bench: Bench):
    person(bench, "ann")
    job = bench.film("1-4", **ANN)
    bench.film("1-2", **ANN)
    bench.work_off()

    bench.delete(job)

    assert used(bench, "ann") == (0, 12)
    bench.check()
    bench.clear_away()
    assert used(bench, "ann") == (0, 12)


def test_an_account_begins_with_what_is_its_owners_already(bench: Bench):
    person(bench, "ann")
    bench.film("1-4", **ANN)
    bench.work_off()
    bench.do(remove_user, "ann")
    bench.check()

    person(bench, "ann")

    assert used(bench, "ann") == (0, 21)


def test_an_upload_counts_once_for_each_who_brought_it(bench: Bench):
    ann, bob = person(bench, "ann"), person(bench, "bob")

    for _ in range(2):
        bench.do(note_owner, ann, {A: 100, B: 10})
    bench.do(note_owner, bob, {A: 100})
    assert [used(bench, name) for name in ("ann", "bob")] == [(110, 0), (100, 0)]

    bench.do(remove_owners, [A])
    assert [used(bench, name) for name in ("ann", "bob")] == [(10, 0), (0, 0)]


def test_uploads_beyond_the_quota_are_nobodys(bench: Bench):
    ann = person(bench, "ann", max_bytes=100)
    bench.do(note_owner, ann, {A: 100})

    with pytest.raises(QuotaExceededError, match=r"leaves 0 bytes, too little .* of 1 byte\."):
        bench.do(note_owner, ann, {A: 100, B: 1})

    assert used(bench, "ann") == (100, 0)
    assert [row.sha256 for row in bench.rows(t.blob_owners)] == [A]


def test_an_account_that_was_removed_meanwhile_gets_nothing(bench: Bench):
    ann = person(bench, "ann", max_bytes=1)
    bench.do(remove_user, "ann")

    bench.do(note_owner, ann, {A: 100})

    assert bench.rows(t.blob_owners) == []


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda c: c.execute(update(t.users).values(upload_bytes=1)), "1 bytes of uploads"),
        (lambda c: c.execute(update(t.users).values(result_bytes=1)), "1 bytes of results"),
        (lambda c: c.execute(update(t.files).values(size_bytes=4)), "12 bytes of results, counted"),
        (lambda c: c.execute(update(t.blob_owners).values(size_bytes=4)), "counted 4"),
    ],
)
def test_the_check_finds_a_counter_that_is_wrong(
    bench: Bench, damage: Callable[[Connection], Any], found: str
):
    bench.do(note_owner, person(bench, "ann"), {A: 100})
    bench.film("1-4", **ANN)
    bench.work_off()
    bench.check()

    bench.do(damage)
    faults = bench.do(check_invariants)
    bench.check = lambda: None  # type: ignore[method-assign]

    assert any(found in fault for fault in faults), faults
