"""Leases that show no progress are taken back (L10)."""

from __future__ import annotations

import pytest

from framefarm.core.requirements import Ability
from framefarm.db import tables as t
from framefarm.farm.claim_requests import ClaimedLease
from framefarm.farm.news import News
from framefarm.farm.roster import Link, Roster, Slot, Work
from framefarm.farm.stalls import Stall, find_stalls, stall_limit_s, take_back
from framefarm.protocol.messages import MachineFacts, SlotOffer
from tests.integration.farm.bench import Bench


async def nowhere(_: object) -> None:
    return None


def take(bench: Bench, lease: ClaimedLease, unit: int) -> News:
    stall = Stall(lease.worker_id, lease.lease_id, unit, silent_s=400.0)
    return bench.do(take_back, bench.catalog, stall, bench.blame)


def test_l10_only_the_unit_in_work_is_blamed(bench: Bench):
    job = bench.trial("1-6")
    lease = bench.take(seconds_per_unit={bench.stage(job).id: 1.0})
    bench.finish(lease, 1)

    news = take(bench, lease, 2)

    assert [(lost.lease_id, lost.reason) for lost in news.lost] == [
        (lease.lease_id, "it showed no progress")
    ]
    [fault] = bench.rows(t.faults)
    assert (fault.unit, fault.reason, fault.final) == (2, "stalled", False)
    assert fault.message.startswith("No sign of progress for 400 s")
    assert [lease.units.first for lease in bench.work_off("w2")] == [2, 3, 4, 5, 6]
    bench.check()


def test_l10_a_unit_that_stalls_everywhere_fails(bench: Bench):
    job = bench.trial("1-2")
    for worker in ("w1", "w2", "w3"):
        lease = bench.take(worker)
        assert lease.units.first == 1
        news = take(bench, lease, 1)
        bench.check()

    assert [(unit.unit, unit.state) for unit in news.units] == [(1, "failed")]
    assert bench.stage(job).failed == 1


def test_l4_what_stalled_and_is_delivered_all_the_same_counts(bench: Bench):
    bench.trial("1")
    lease = bench.take()
    take(bench, lease, 1)

    assert bench.finish(lease) == "accepted_late"


def test_l10_a_lease_that_is_over_is_left_alone(bench: Bench):
    bench.trial("1")
    lease = bench.take()
    bench.finish(lease)

    assert take(bench, lease, 1) == News()
    assert bench.rows(t.faults) == []


def test_l10_a_slot_may_be_silent_for_its_limit_and_a_leases_life():
    slot = Slot(SlotOffer("cpu", ("trial",)), Ability(frozenset({"trial"})), stall_s=100.0)
    facts = MachineFacts("here")
    link = Link("w", "w", "boot", "0", facts, {"cpu": slot}, nowhere, lease_s=30.0)
    roster = Roster()
    roster.add(link)
    assert list(find_stalls(roster)) == []
    slot.work = Work("lease", 1, 2, "trial", "1-3")
    slot.note_progress(1, 0, 0)
    assert slot.at is not None
    begun = slot.at.heard_at

    assert list(find_stalls(roster, now=begun + 129.5)) == []
    [stall] = find_stalls(roster, now=begun + 131.0)
    assert (stall.lease_id, stall.unit) == ("lease", 1)
    assert stall.silent_s == pytest.approx(131.0)


def test_l10_only_what_ends_of_its_own_lease_is_a_sign_of_a_slot():
    slot = Slot(SlotOffer("cpu", ("trial",)), Ability(frozenset({"trial"})))
    slot.work = Work("lease", 1, 2, "trial", "4-6")
    slot.note_progress(4, 0, 0)
    assert slot.at is not None

    for stage, unit, heard in [(2, 7, False), (3, 5, False), (2, 5, True)]:
        slot.at.heard_at = 0.0
        slot.note_sign(stage, unit)
        assert (slot.at.heard_at > 0.0) == heard


def test_l10_slow_units_may_be_silent_for_longer():
    assert stall_limit_s(300.0, None) == 300.0
    assert stall_limit_s(300.0, 10.0) == 300.0
    assert stall_limit_s(300.0, 60.0) == 600.0
