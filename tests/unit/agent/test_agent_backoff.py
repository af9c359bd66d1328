"""How long to wait before trying again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.agent.backoff import (
    MAX_DELAY_S,
    MOST_UNCONNECTED_S,
    at_least,
    full_jitter,
    retry_after_s,
)

dice = st.floats(0.0, 1.0, exclude_max=True)


@given(st.integers(1, 10_000), dice)
def test_full_jitter_is_never_negative_nor_above_the_cap(attempt: int, die: float):
    assert 0.0 <= full_jitter(attempt, lambda: die) <= MAX_DELAY_S


def test_ceiling_doubles_up_to_the_cap():
    ceilings = [full_jitter(n, lambda: 1.0, first_s=1.0) for n in range(1, 8)]

    assert ceilings == [1, 2, 4, 8, 16, 30, 30]


def test_l13_a_connection_is_tried_often_enough_to_be_back_within_5_s():
    ceilings = [full_jitter(n, lambda: 1.0, most_s=MOST_UNCONNECTED_S) for n in range(1, 9)]

    assert ceilings == [0.25, 0.5, 1, 2, 4, 4, 4, 4]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("\u0663", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_in_seconds_is_understood_and_nothing_else(header, seconds):
    assert retry_after_s(header) == seconds


@given(st.floats(0.0, 600.0), dice)
def test_asked_time_is_kept_and_spread_a_little(asked_s: float, die: float):
    assert asked_s <= at_least(asked_s, lambda: die) <= asked_s * 1.25


@given(st.floats(allow_nan=False))
def test_asked_time_is_bounded_whatever_was_asked(asked_s: float):
    assert 0.0 <= at_least(asked_s, lambda: 1.0) <= 750.0
