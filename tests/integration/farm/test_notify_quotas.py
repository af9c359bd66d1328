"""Finding whose files take nearly all that they may, and what was refused."""

from __future__ import annotations

import pytest

from framefarm.core.accounts import UserRole
from framefarm.core.notices import FLAPS_S, Event
from framefarm.farm.accounts import change_user
from framefarm.farm.notify_targets import Listener
from framefarm.farm.ownership import note_owner
from framefarm.farm.refusals import note_refusal
from framefarm.farm.upkeep import remove_owners
from tests.integration.farm.bench import Bench
from tests.integration.farm.test_notify import LOCAL, Desk

QUOTAS = [Event.QUOTA_NEAR, Event.QUOTA_REFUSED]


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench)


def uploads(desk: Desk, whose: Listener, size_bytes: int) -> None:
    assert whose.user_id is not None
    desk.bench.do(note_owner, whose.user_id, {f"{size_bytes:064x}": size_bytes})


def refused(desk: Desk, name: str) -> bool:
    return desk.bench.do(note_refusal, name, f"{name} may have no more.")


def test_nearly_full_is_told_once_until_there_was_room_again(desk: Desk):
    ann = desk.person("ann")
    made = desk.target(ann, tells=QUOTAS)
    desk.bench.do(change_user, "ann", max_bytes=1_000)
    uploads(desk, ann, 899)
    assert desk.look() == []

    uploads(desk, ann, 1)
    assert desk.look() == [(made.id, "quota_near")]
    desk.now += 2 * FLAPS_S
    uploads(desk, ann, 2)
    assert desk.look() == []

    desk.bench.do(remove_owners, [f"{899:064x}"])
    assert desk.look() == []
    desk.now += 2 * FLAPS_S
    uploads(desk, ann, 900)
    assert desk.look() == [(made.id, "quota_near")]


def test_a_lower_quota_is_told_and_a_lifted_one_is_not(desk: Desk):
    ann = desk.person("ann")
    made = desk.target(ann, tells=QUOTAS)
    uploads(desk, ann, 500)
    assert desk.look() == []

    desk.bench.do(change_user, "ann", max_bytes=500)
    assert desk.look() == [(made.id, "quota_near")]
    desk.bench.do(change_user, "ann", max_bytes=None)
    desk.now += 2 * FLAPS_S
    assert desk.look() == []


def test_refusals_are_told_once_in_ten_minutes(desk: Desk):
    made = desk.target(desk.person("ann"), tells=QUOTAS)

    assert refused(desk, "ann")
    assert desk.look() == [(made.id, "quota_refused")]
    desk.now += FLAPS_S - 60
    assert not refused(desk, "ann")
    assert desk.look() == []
    desk.now += 120
    assert refused(desk, "ann")
    assert desk.look() == [(made.id, "quota_refused")]


def test_only_oneself_and_admins_who_want_it_hear_of_a_quota(desk: Desk):
    ann, bob, root = (
        desk.person("ann"),
        desk.person("bob"),
        desk.person("root", UserRole.ADMIN),
    )
    vic = desk.person("vic", UserRole.VIEWER)
    mine = desk.target(ann, tells=QUOTAS)
    desk.target(bob, tells=QUOTAS)
    desk.target(root, tells=QUOTAS)
    desk.target(vic, tells=QUOTAS, all_jobs=True)
    all_of_them = desk.target(root, tells=QUOTAS, all_jobs=True)
    here = desk.target(LOCAL, tells=QUOTAS, all_jobs=True)

    assert refused(desk, "ann")

    told = {(target, "quota_refused") for target in (mine.id, all_of_them.id, here.id)}
    assert set(desk.look()) == told


def test_nobody_is_told_who_did_not_choose_it(desk: Desk):
    ann = desk.person("ann")
    desk.target(ann)
    desk.bench.do(change_user, "ann", max_bytes=1)
    uploads(desk, ann, 1)
    assert refused(desk, "ann")

    assert desk.look() == []


def test_what_no_account_is_refused_is_noted_nowhere(desk: Desk):
    assert not refused(desk, "nobody")
