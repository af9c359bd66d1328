"""Results of leases that a manager has forgotten, because it was restored from a backup (L6)."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from sqlalchemy import update

from framefarm.db import tables as t
from framefarm.farm.claim_requests import ClaimedLease
from framefarm.farm.new_jobs import settle_blender
from framefarm.farm.seals import MAC_DIGITS
from tests.integration.farm.bench import Backup, Bench
from tests.integration.farm.test_tails import tails

LONG = {"seconds_per_unit": {1: 1.0, 2: 1.0}}


def forgotten_lease(bench: Bench, **request: Any) -> ClaimedLease:
    """A lease that was given after the backup to which the farm was restored."""
    backup = Backup(bench)
    lease = bench.take(**request)
    backup.restore()
    assert not bench.rows(t.leases)
    return lease


def test_l6_a_result_of_a_forgotten_lease_counts_once(bench: Bench):
    job = bench.trial("1-2")
    lease = forgotten_lease(bench)

    assert bench.finish(lease) == "accepted_late"
    assert bench.finish(lease) == "accepted_late"

    [result] = bench.rows(t.results)
    assert (result.unit, result.lease_id, result.attempt) == (1, lease.lease_id, 1)
    stage = bench.stage(job)
    assert (stage.done, stage.leased, stage.pending) == (1, 0, 1)
    assert bench.take("w2").units.first == 2


def test_l6_all_units_of_a_forgotten_lease_may_come(bench: Bench):
    bench.trial("1-12x2,20-30")
    lease = forgotten_lease(bench, **LONG)
    assert lease.units.count > 1

    assert {bench.finish(lease, unit) for unit in lease.units} == {"accepted_late"}


def test_l6_a_result_of_a_forgotten_lease_takes_its_unit_from_a_worker_that_has_it_since(
    bench: Bench,
):
    bench.trial("1")
    lease = forgotten_lease(bench)
    since = bench.take("w2")

    assert bench.finish(lease) == "accepted_late"

    assert [(lost.lease_id, lost.worker_id) for lost in bench.news.lost] == [(since.lease_id, "w2")]
    assert bench.finish(since) == "already_done"


def test_l6_a_unit_that_was_made_again_since_is_done_already(bench: Bench):
    bench.trial("1")
    lease = forgotten_lease(bench)
    since = bench.take("w2")

    assert bench.finish(since) == "accepted"
    assert bench.finish(lease) == "already_done"

    assert [row.lease_id for row in bench.rows(t.results)] == [since.lease_id]


def test_l6_a_unit_that_failed_since_is_forgiven(bench: Bench):
    job = bench.trial("1")
    lease = forgotten_lease(bench)
    assert bench.fail(bench.take("w2"), reason="refused") == "noted"
    assert bench.stage(job).failed == 1

    assert bench.finish(lease) == "accepted_late"
    assert (bench.stage(job).failed, bench.job(job).state) == (0, "done")


def test_l6_a_result_of_a_lease_that_the_backup_knows_needs_no_seal(bench: Bench):
    bench.trial("1-2")
    lease = bench.take()
    Backup(bench).restore()

    assert bench.finish(lease, seal="") == "accepted"


@pytest.mark.parametrize(
    "lie",
    [
        {"seal": ""},
        {"seal": "1-99"},
        {"seal": "é" * 40},
        {"worker_id": "w2"},
        {"lease_id": "0" * 32},
        {"attempt": 2},
        {"unit": 99},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_l6_a_finish_that_shows_no_seal_of_its_own_lease_is_turned_away(
    bench: Bench, lie: dict[str, Any]
):
    job = bench.trial("1-99")
    lease = forgotten_lease(bench)

    assert bench.finish(lease, **lie) == "gone"

    assert not bench.rows(t.results)
    assert bench.stage(job).pending == 99


def test_l6_a_seal_counts_for_the_units_it_was_made_for_and_no_others(bench: Bench):
    bench.trial("1-99")
    lease = forgotten_lease(bench)
    assert lease.units.count == 1
    more = lease.seal[:MAC_DIGITS] + "1-99"

    assert bench.finish(lease, 2) == "gone"
    assert bench.finish(lease, 2, seal=more) == "gone"
    assert not bench.rows(t.results)


def test_l6_a_seal_of_a_job_that_the_backup_lacks_counts_not_for_the_one_that_took_its_number(
    bench: Bench,
):
    backup = Backup(bench)
    lost = bench.trial("1-2")
    lease = bench.take()
    backup.restore()
    other = bench.trial("1-2")
    assert (other, bench.stage(other).id) == (lost, lease.stage_id)

    assert bench.finish(lease) == "gone"
    assert not bench.rows(t.results)


def test_l6_what_was_lent_before_its_unit_was_to_be_made_anew_counts_no_more(bench: Bench):
    job = bench.trial("1-2")
    lease = forgotten_lease(bench)
    bench.work_off("w2")
    bench.retry(job, "1")

    assert bench.finish(lease) == "gone"

    again = bench.take("w2")
    assert bench.finish(again) == "accepted"
    assert bench.finish(lease) == "already_done"


def test_l6_what_was_made_anew_in_forgotten_time_is_made_again(bench: Bench):
    job = bench.trial("1")
    backup = Backup(bench)
    before = bench.take()
    bench.retry(job, "1")
    anew = bench.take()
    backup.restore()

    assert bench.finish(anew) == "gone"
    # The farm has forgotten that somebody did not want this one.
    assert bench.finish(before) == "accepted_late"


def test_l6_a_cancelled_job_wants_nothing_until_it_is_put_back_to_work(bench: Bench):
    job = bench.trial("1-2")
    lease = forgotten_lease(bench)
    bench.cancel(job)
    assert bench.finish(lease) == "gone"

    bench.retry(job)

    assert bench.finish(lease) == "accepted_late"


def test_l6_a_deleted_job_wants_nothing(bench: Bench):
    job = bench.trial("1-2")
    lease = forgotten_lease(bench)
    bench.delete(job)

    assert bench.finish(lease) == "gone"


def test_l6_a_frame_of_another_blender_than_the_restored_farm_chose_counts_not(bench: Bench):
    job = bench.film("1-2", wanted="4.5")
    stage = bench.stage(job).id
    backup = Backup(bench)
    bench.do(settle_blender, stage, "4.5")
    lease = bench.take(blenders=frozenset({"4.5"}))
    backup.restore()
    bench.do(settle_blender, stage, "5.0")

    assert bench.finish(lease) == "gone"

    backup.restore()
    bench.do(settle_blender, stage, "4.5")
    assert bench.finish(lease) == "accepted_late"


def test_l6_what_was_made_of_other_units_is_made_again(bench: Bench):
    """The segment may be of frames that the restored farm does not have."""
    job = bench.film("1-2")
    for _ in range(2):
        bench.finish(bench.take(kinds=frozenset({"render"})))
    segment = forgotten_lease_of_segment(bench)
    assert bench.stage(job, 1).pending == 1

    assert segment.seal == ""
    assert bench.finish(segment) == "gone"


def forgotten_lease_of_segment(bench: Bench) -> ClaimedLease:
    backup = Backup(bench)
    lease = bench.take(kinds=frozenset({"movie"}))
    backup.restore()
    return lease


def test_l6_the_second_lease_of_a_last_unit_is_sealed_as_well(bench: Bench):
    bench.trial("1")
    first = bench.take("slow")
    backup = Backup(bench)
    [second] = tails(bench, "fast")
    backup.restore()

    assert bench.finish(second) == "accepted_late"
    assert bench.finish(first) == "already_done"


def test_a_stage_from_before_there_were_seals_gives_none_and_takes_none(bench: Bench):
    bench.trial("1-2")
    bench.do(lambda c: c.execute(update(t.stages).values(seal_key="")))
    lease = forgotten_lease(bench)

    assert lease.seal == ""
    made_up = hmac.digest(b"", b"", "sha256").hex()[:MAC_DIGITS] + "1"
    assert bench.finish(lease, seal=made_up) == "gone"
