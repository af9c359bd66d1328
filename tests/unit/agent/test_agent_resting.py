"""When a machine is in use, and when it is not to work."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from framefarm.agent.idleness import IdleLimits, Idleness, Sensed, sense
from framefarm.agent.resting import IN_USE, why_not_now
from framefarm.core.hours import Hours

LIMITS = IdleLimits(busy_load=0.25, quiet_load=0.10, busy_s=10, quiet_s=180)
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
NIGHT = Hours.parse("19:00-07:00")


def after(state: Idleness, senses: Iterable[Sensed]) -> Idleness:
    for sensed in senses:
        state = sense(state, sensed, LIMITS)
    return state


def seconds(start: int, count: int, load: float, untouched_s: float | None = None) -> list[Sensed]:
    return [
        Sensed(start + n, load, None if untouched_s is None else untouched_s + n)
        for n in range(count + 1)
    ]


FREE = Idleness(in_use=False)


def test_machine_counts_as_in_use_until_it_was_quiet_long_enough():
    state = after(Idleness(), seconds(0, 179, 0.0))
    assert state.in_use

    assert not after(state, seconds(180, 1, 0.0)).in_use


def test_short_burst_of_load_does_not_end_a_frame_begun():
    assert not after(FREE, [*seconds(0, 9, 0.9), *seconds(10, 5, 0.0)]).in_use


def test_load_that_lasts_is_use():
    assert after(FREE, seconds(0, 10, 0.3)).in_use


def test_load_between_the_two_limits_changes_nothing():
    assert not after(FREE, seconds(0, 1000, 0.2)).in_use
    assert after(Idleness(), seconds(0, 1000, 0.2)).in_use


def test_key_or_mouse_is_use_at_once():
    assert after(FREE, [Sensed(0, 0.0, 1.0)]).in_use


def test_touched_machine_is_not_free_before_it_was_left_alone_for_long():
    state = after(Idleness(), [*seconds(0, 300, 0.0, 0.0), *seconds(301, 179, 0.0, 0.0)])
    assert state.in_use

    assert not after(state, seconds(481, 1, 0.0, untouched_s=180.0)).in_use


def test_burst_of_load_begins_the_quiet_anew():
    state = after(Idleness(), [*seconds(0, 170, 0.0), *seconds(171, 1, 0.5)])

    assert after(state, seconds(173, 179, 0.0)).in_use
    assert not after(state, seconds(173, 180, 0.0)).in_use


@given(st.lists(st.tuples(st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1000))), max_size=50))
def test_the_machine_never_becomes_free_sooner_than_it_may(looks):
    state, free_since = FREE, 0.0
    was = state
    for at, (load, untouched_s) in enumerate(looks):
        state = sense(state, Sensed(float(at), load, untouched_s), LIMITS)
        if was.in_use and not state.in_use:
            assert at - free_since >= LIMITS.quiet_s
        if load >= LIMITS.quiet_load:
            free_since = at + 1.0
        was = state


def test_reason_is_empty_when_work_may_begin():
    assert why_not_now(None, NOON, in_use=False) == ""
    assert why_not_now(Hours.parse("09:00-17:00"), NOON, in_use=False) == ""


def test_outside_its_hours_says_which_and_when_they_begin():
    expected = "it works 19:00-07:00 only, next at 19:00"

    assert why_not_now(NIGHT, NOON, in_use=False) == expected
    assert why_not_now(NIGHT, NOON, in_use=True) == expected


def test_machine_in_use_is_said():
    assert why_not_now(None, NOON, in_use=True) == IN_USE
