"""Who may hold a connection (L14)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.api.gate import Gate, Visit
from framefarm.farm.settings import ConnectionLimits

LIMITS = ConnectionLimits(strangers=6, strangers_per_address=3, greetings=4, greetings_per_s=10.0)


def gate(most: int = 100) -> Gate:
    return Gate(LIMITS, most=most)


def visit(address: str = "10.0.0.1") -> Visit:
    return Visit(address, lambda: None)


def enter(into: Gate, count: int, address: str = "10.0.0.1") -> list[Visit]:
    visits = [visit(address) for _ in range(count)]
    for one in visits:
        assert into.enter(one) is None
    return visits


def test_the_stranger_who_waited_longest_gives_way_to_one_more_from_its_address():
    full = gate()
    first, *_ = enter(full, 3)

    assert full.enter(visit()) is first


def test_one_address_that_is_full_does_not_keep_another_out():
    full = gate()
    enter(full, 3)

    assert full.enter(visit("10.0.0.2")) is None


def test_in_all_the_address_with_the_most_strangers_gives_way():
    full = gate()
    enter(full, 1, "10.0.0.2")
    first, *_ = enter(full, 3, "10.0.0.1")
    enter(full, 2, "10.0.0.3")

    assert full.enter(visit("10.0.0.4")) is first


def test_whoever_is_being_answered_stays():
    full = gate()
    first, second, _ = enter(full, 3)
    full.begin(first)

    assert full.enter(visit()) is second


def test_a_worker_that_is_being_greeted_stays():
    full = gate()
    first, second, _ = enter(full, 3)
    assert full.greet(first, now=0.0) is None

    assert full.enter(visit()) is second


def test_the_newcomer_goes_where_all_others_are_being_answered():
    full = gate()
    for one in enter(full, 3):
        full.begin(one)
    newcomer = visit()

    assert full.enter(newcomer) is newcomer


def test_whoever_was_answered_waits_again_behind_the_others():
    full = gate()
    first, second, _ = enter(full, 3)
    full.begin(first)
    full.end(first)

    assert full.enter(visit()) is second


def test_known_connections_are_no_strangers():
    full = gate()
    for one in enter(full, 3):
        full.recognise(one)

    assert full.strangers == 0
    enter(full, 3)


def test_nobody_known_gives_way_when_the_process_has_no_room_left():
    full = gate(most=2)
    for one in enter(full, 2):
        full.recognise(one)
    newcomer = visit()

    assert full.enter(newcomer) is newcomer


def test_workers_beyond_the_room_get_turns_one_after_the_other():
    many = gate()
    visits = [visit(f"10.0.0.{number}") for number in range(8)]
    for one in visits:
        many.enter(one)
    waits = [many.greet(one, 100.0) for one in visits]

    assert waits[:4] == [None] * 4
    assert waits[4:] == pytest.approx([0.5, 0.6, 0.7, 0.8])


def test_one_address_takes_half_of_the_room_for_greetings():
    many = gate()
    waits = [many.greet(one, 100.0) for one in enter(many, 3)]
    assert waits == [None, None, 0.5]

    other = visit("10.0.0.2")
    many.enter(other)
    assert many.greet(other, 100.0) is None


def test_a_worker_that_was_welcomed_or_has_left_makes_room():
    many = gate()
    first, second, third = enter(many, 3)
    many.greet(first, 0.0)
    many.greet(second, 0.0)

    many.recognise(first)
    assert many.greet(third, 0.0) is None
    many.leave(second)
    many.leave(third)
    assert many.greet(*enter(many, 1), 0.0) is None


def test_turns_are_never_later_than_a_minute():
    many = gate()
    visits = enter(many, 3)
    for one in visits:
        many.greet(one, 0.0)

    assert max(many.greet(visits[2], 0.0) or 0.0 for _ in range(2_000)) <= 60.0


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "begin", "end", "recognise", "greet", "leave"]),
        st.integers(0, 9),
    ),
    max_size=80,
)


@given(ACTS)
def test_whatever_happens_no_more_strangers_wait_than_may_and_nothing_is_left_over(acts):
    some = gate(most=8)
    here: list[Visit] = []
    for act, number in acts:
        if act == "enter":
            newcomer = visit(f"10.0.0.{number % 3}")
            here.append(newcomer)
            leaves = some.enter(newcomer)
            if leaves is not None:
                assert not leaves.busy
                assert not leaves.known
                some.leave(leaves)
                here.remove(leaves)
        elif here:
            one = here[number % len(here)]
            if act == "greet":
                some.greet(one, 0.0)
            else:
                getattr(some, act)(one)
            if act == "leave":
                here.remove(one)
        assert some.strangers == sum(not one.known for one in here) <= LIMITS.strangers

    for one in here:
        some.leave(one)
        some.leave(one)
    assert some.strangers == 0
    learnt = ("_next_turn_at", "_rate")
    fresh = gate(most=8)
    assert vars(some) | {name: vars(fresh)[name] for name in learnt} == vars(fresh)


# --- how fast -----------------------------------------------------------------------------------


def turns(full: Gate, now: float, count: int) -> list[float]:
    waits = [full.greet(visit(f"10.1.{n // 250}.{n % 250}"), now) for n in range(count)]
    return [now + wait for wait in waits if wait is not None]


def greeted(full: Gate, now: float) -> list[Visit]:
    visits = [enter(full, 1, f"10.0.0.{n}")[0] for n in range(LIMITS.greetings)]
    assert [full.greet(one, now) for one in visits] == [None] * LIMITS.greetings
    return visits


def test_turns_come_faster_where_more_workers_were_taken_in_lately():
    full = gate()
    now = 100.0
    greeting = greeted(full, now)
    turns(full, now, 1)
    for late_number in range(40):
        now += 0.05
        full.recognise(greeting.pop(0))
        [late] = enter(full, 1, f"10.2.0.{late_number}")
        assert full.greet(late, now) is None
        greeting.append(late)
    turns(full, now, 1)

    spread = turns(full, now, 50)

    # 20 a second were taken in; twice as many are told to come.
    assert (spread[-1] - spread[0]) / 49 == pytest.approx(1 / 40, rel=0.1)


def test_what_was_long_ago_says_nothing_of_how_many_can_come():
    full = gate()
    greeting = greeted(full, 0.0)
    turns(full, 0.0, 1)
    full.recognise(greeting.pop())
    assert full.greet(enter(full, 1, "10.2.0.1")[0], 1.0) is None
    turns(full, 1.0, 1)

    spread = turns(full, 60.0, 11)

    assert spread[-1] - spread[0] == pytest.approx(10 / LIMITS.greetings_per_s)


def test_a_moment_in_which_nobody_was_taken_in_makes_nobody_wait_longer():
    full = gate()
    greeted(full, 100.0)
    turns(full, 100.0, 1)

    spread = turns(full, 103.0, 11)

    assert spread[-1] - spread[0] == pytest.approx(10 / LIMITS.greetings_per_s)


def test_l7_by_when_whoever_was_told_to_wait_may_have_come_is_told():
    told: list[float] = []
    one_at_a_time = replace(LIMITS, greetings=1, greetings_per_s=0.1)
    full = Gate(one_at_a_time, most=100, told_to_wait=told.append)
    knocking = enter(full, 3)

    assert full.greet(knocking[0], 100.0) is None
    assert told == []
    assert full.greet(knocking[1], 100.0) == pytest.approx(0.5)
    assert full.greet(knocking[2], 100.0) == pytest.approx(10.5)
    # Told 1 and 11 seconds, of which workers make up to a quarter more.
    assert told == [pytest.approx(102.25), pytest.approx(114.75)]
