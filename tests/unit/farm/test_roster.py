"""Who is connected, and who else could do a piece of work."""

from __future__ import annotations

from collections.abc import Sequence

from framefarm.core.blame import BlameLimits
from framefarm.core.requirements import Requirements
from framefarm.farm.roster import Link, Roster, slots_of
from framefarm.protocol.messages import BlenderOffer, MachineFacts, Order, SlotOffer


async def nowhere(_: Sequence[Order]) -> None:
    """A connection that takes everything."""


def link(worker: str, *slots: tuple[str, ...], blenders: tuple[str, ...] = (), **facts) -> Link:
    offers = [
        SlotOffer(f"slot{number}", kinds, tuple(BlenderOffer(version) for version in blenders))
        for number, kinds in enumerate(slots)
    ]
    return Link(
        worker, worker, "boot", "0", MachineFacts("host"), slots_of(offers), nowhere, **facts
    )


def test_a_newer_connection_replaces_the_older_one():
    roster = Roster()
    older, newer = link("w", ("render",)), link("w", ("render",))

    assert roster.add(older) is None
    assert roster.add(newer) is older
    assert not roster.remove(older)
    assert roster.get("w") is newer
    assert roster.peers(frozenset({"render"})) == 1
    assert roster.remove(newer)
    assert (len(roster), roster.peers(frozenset({"render"}))) == (0, 0)


def test_l14_workers_that_come_and_go_leave_nothing_behind():
    roster = Roster()
    for number in range(100):
        one = link(f"w{number}", (f"kind{number}", "render"), blenders=(f"{number}.0",))
        roster.add(one)
        roster.remove(one)

    assert vars(roster) == vars(Roster())


def test_peers_are_the_slots_that_do_any_such_work():
    roster = Roster()
    roster.add(link("a", ("render",), ("movie", "join")))
    roster.add(link("b", ("render", "movie")))

    assert roster.peers(frozenset({"render"})) == 2
    assert roster.peers(frozenset({"join"})) == 1
    assert roster.peers(frozenset({"join", "movie"})) == 2


def test_l9_others_are_workers_not_slots():
    roster = Roster()
    roster.add(link("a", ("render",), ("render",)))

    assert not roster.others(Requirements("render"), frozenset({"a"}))
    assert roster.others(Requirements("render"), frozenset())


def test_l9_others_must_have_the_kind_and_the_blender():
    roster = Roster()
    roster.add(link("a", ("render",), blenders=("5.0",)))
    roster.add(link("b", ("render",), blenders=("4.2",)))
    roster.add(link("c", ("movie",), blenders=("5.0",)))

    assert not roster.others(Requirements("render", "5.0"), frozenset({"a"}))
    assert roster.others(Requirements("render", "4.2"), frozenset({"a"}))
    assert roster.others(Requirements("movie"), frozenset({"a"}))


def test_l9_a_disabled_worker_is_no_other():
    roster = Roster()
    roster.add(link("a", ("render",), enabled=False))

    assert not roster.others(Requirements("render"), frozenset())


def test_l13_a_worker_that_made_a_unit_begins_anew_to_count_its_failures():
    one, limits = link("a", ("render",)), BlameLimits()
    for _ in range(3):
        one.rest(1, limits, lambda: True)
    assert one.failing[1] == 3

    one.made(1, "lease", 7)

    assert one.rest(1, limits, lambda: True) == 0.0


def test_l13_what_comes_a_second_time_ends_no_row_of_failures():
    one, limits = link("a", ("render",)), BlameLimits()
    one.made(1, "lease", 7)
    for _ in range(3):
        one.rest(1, limits, lambda: True)

    one.made(1, "lease", 7)
    assert one.failing[1] == 3

    one.made(1, "lease", 8)
    assert one.failing[1] == 0


def test_speeds_are_forgotten_oldest_first():
    one = link("a", ("render",))
    for stage in range(150):
        one.took(stage, 2.0)

    assert len(one.seconds_per_unit()) == 100
    assert one.seconds_per_unit()[149] == 2.0


def test_slots_that_wait_are_found():
    roster = Roster()
    one = link("a", ("render",), ("movie",))
    roster.add(one)
    one.slots["slot1"].waiting = True

    assert roster.waiting() == [(one, one.slots["slot1"])]


def test_l13_the_pause_of_an_earlier_failure_does_not_end_a_later_one():
    worker = link("w", ("render",))
    pauses = [worker.rest(7, BlameLimits(), lambda: True) for _ in range(3)]
    assert pauses[0] == 0.0
    assert 0.0 < pauses[1] <= pauses[2]

    worker.rested(7)
    assert worker.resting == {7}

    worker.rested(7)
    assert worker.resting == frozenset()
