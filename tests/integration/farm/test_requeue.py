"""Leases that end without their units being done (L1, L3, L7, L8, L9)."""

from __future__ import annotations

import pytest

from framefarm.core.spans import Spans
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm import requeue
from framefarm.farm.lease_pages import NoSuchLeaseError
from framefarm.farm.recalls import recall
from framefarm.farm.registry import Renewal, WorkerKeyError, renew_many
from tests.integration.farm.bench import Bench


def test_l1_a_lease_whose_time_is_over_goes_back_to_the_front(bench: Bench):
    job = bench.trial("1-9")
    lease = bench.take()
    bench.take()

    news = bench.expire(lease)

    assert [(lost.lease_id, lost.reason) for lost in news.lost] == [(lease.lease_id, "expired")]
    assert news.work
    assert news.jobs == {job}
    again = bench.take("w2")
    assert (again.units, again.attempt) == (Spans.of(1, 1), 2)


def test_only_what_was_left_of_a_lease_is_done_again(bench: Bench):
    job = bench.trial("1-6")
    lease = bench.take(seconds_per_unit={bench.stage(job).id: 1.0})
    bench.finish(lease, 2)

    bench.expire(lease)

    units = [lease.units.first for lease in bench.work_off()]
    assert units == [1, 3, 4, 5, 6]


def test_l8_a_restarted_worker_frees_its_leases_at_once(bench: Bench):
    bench.trial("1-2")
    worker = bench.hello()
    lease = bench.take(worker.worker_id)

    again = bench.hello(worker_id=worker.worker_id, key=worker.key, boot_id="other")

    assert [lost.lease_id for lost in again.news.lost] == [lease.lease_id]
    assert [fault.reason for fault in bench.rows(t.faults)] == ["lost"]
    assert bench.take("w2").units == lease.units


def test_l6_what_lies_in_a_restarted_workers_outbox_is_not_made_again_by_others(bench: Bench):
    job = bench.trial("1-4")
    worker = bench.hello()
    lease = bench.take(worker.worker_id, seconds_per_unit={bench.stage(job).id: 1.0})
    owed = ((lease.lease_id, 2), (lease.lease_id, 99), ("f" * 32, 1))

    again = bench.hello(worker_id=worker.worker_id, key=worker.key, boot_id="other", owed=owed)
    others = [other.units.first for other in bench.work_off("w2")]

    assert others == [1, 3, 4]
    assert again.news.lost == []
    assert {fault.unit for fault in bench.rows(t.faults)} == set(lease.units) - {2}
    assert bench.finish(lease, 2) == "accepted"
    assert bench.job(job).state == "done"
    bench.check()


def test_l6_what_a_worker_owes_is_made_again_once_its_lease_has_expired(bench: Bench):
    bench.trial("1")
    worker = bench.hello()
    lease = bench.take(worker.worker_id)
    owed = ((lease.lease_id, 1),)
    bench.hello(worker_id=worker.worker_id, key=worker.key, boot_id="other", owed=owed)
    assert bench.claim("w2") is None

    bench.expire(lease)

    assert bench.take("w2").units == lease.units
    assert bench.finish(lease) == "accepted_late"


def test_l8_a_worker_that_returns_goes_on_with_the_leases_it_holds(bench: Bench):
    bench.trial("1-2")
    worker = bench.hello()
    held, lost = bench.take(worker.worker_id), bench.take(worker.worker_id)

    again = bench.hello(
        worker_id=worker.worker_id, key=worker.key, holding=(held.lease_id, "0" * 32)
    )

    assert again.worker_id == worker.worker_id
    assert again.key is None
    assert again.dropped == ("0" * 32,)
    assert [one.lease_id for one in again.news.lost] == [lost.lease_id]
    assert bench.rows(t.faults) == []
    assert bench.finish(held) == "accepted"


def test_a_worker_with_a_wrong_key_is_turned_away_and_nothing_changes(bench: Bench):
    bench.trial("1")
    worker = bench.hello()
    bench.take(worker.worker_id)

    with pytest.raises(WorkerKeyError, match="is not the one"):
        bench.hello(worker_id=worker.worker_id, key="guess", boot_id="other")
    with pytest.raises(WorkerKeyError):
        bench.hello(worker_id=worker.worker_id, boot_id="other")

    assert bench.rows(t.leases)[0].state == "active"
    assert bench.rows(t.workers)[0].boot_id == "boot"


def test_a_worker_with_an_id_from_another_farm_is_added_anew(bench: Bench):
    worker = bench.hello(worker_id="0" * 32, key="foreign", holding=("a" * 32,))

    assert worker.worker_id != "0" * 32
    assert worker.key
    assert worker.dropped == ("a" * 32,)


@pytest.mark.parametrize("state", ["disabled", "quarantined"])
def test_a_barred_worker_stays_barred_when_it_returns(bench: Bench, state: str):
    """One in quarantine may still work, at what it is not barred from (L9)."""
    worker = bench.hello()
    bench.do(lambda c: c.execute(t.workers.update().values(state=state)))

    again = bench.hello(worker_id=worker.worker_id, key=worker.key, boot_id="other")

    assert again.enabled == (state == "quarantined")
    assert bench.rows(t.workers)[0].state == state


def test_a_released_lease_is_unblamed_and_its_attempt_still_counts(bench: Bench):
    bench.trial("1")
    lease = bench.take()

    news = bench.release(lease)

    assert news.work
    assert bench.rows(t.faults) == []
    assert bench.take().attempt == 2


def test_only_its_holder_can_release_a_lease(bench: Bench):
    bench.trial("1")
    lease = bench.take("w1")

    bench.do(requeue.release, bench.catalog, "w2", lease.lease_id)

    assert bench.rows(t.leases)[0].state == "active"


def test_releasing_twice_changes_nothing_more(bench: Bench):
    job = bench.trial("1")
    lease = bench.take()
    bench.release(lease)

    news = bench.release(lease)

    assert (news.lost, news.work) == ([], False)
    assert bench.stage(job).pending == 1


def test_a_lease_that_has_ended_is_not_taken_back(bench: Bench):
    bench.trial("1")
    lease = bench.take()
    bench.finish(lease)

    with pytest.raises(NoSuchLeaseError, match=lease.lease_id):
        bench.do(recall, bench.catalog, lease.lease_id)


def test_l9_four_losses_cost_a_unit_nothing_the_fifth_fails_it(bench: Bench):
    job = bench.trial("1")
    for _ in range(4):
        bench.expire(bench.take())
    assert bench.job(job).state == "running"

    news = bench.expire(bench.take())

    assert bench.job(job).state == "failed"
    assert [(unit.unit, unit.state) for unit in news.units] == [(1, "failed")]
    assert bench.rows(t.faults, t.faults.c.final)[0].message.startswith("5 workers were lost")


def test_l9_losses_before_a_retry_are_forgiven(bench: Bench):
    job = bench.trial("1")
    for _ in range(5):
        bench.expire(bench.take())
    bench.retry(job)

    bench.expire(bench.take())

    assert bench.job(job).state == "running"


def test_l3_a_heartbeat_renews_all_leases_it_lists(bench: Bench):
    bench.trial("1-3")
    leases = [bench.take(lease_s=1.0) for _ in range(3)]
    ids = tuple(lease.lease_id for lease in leases)
    now = bench.do(database_now)

    lost = bench.do(renew_many, [Renewal("w1", ids, 50.0)])

    assert lost == [()]
    assert all(row.expires_at > now + 40.0 for row in bench.rows(t.leases))


def test_l3_a_heartbeat_is_told_which_leases_are_not_its_own_any_more(bench: Bench):
    bench.trial("1-3")
    mine, foreign, over = bench.take("w1"), bench.take("w2"), bench.take("w1")
    bench.expire(over)
    ids = (mine.lease_id, foreign.lease_id, over.lease_id, "0" * 32)

    lost, none = bench.do(
        renew_many, [Renewal("w1", ids, 50.0), Renewal("w2", (foreign.lease_id,), 50.0)]
    )

    assert lost == tuple(sorted(ids[1:]))
    assert none == ()
    assert bench.rows(t.leases, t.leases.c.id == over.lease_id)[0].state == "ended"
