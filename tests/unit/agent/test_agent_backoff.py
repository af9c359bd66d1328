"""How long to wait before trying again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from framefarm.agent.backoff import MAX_DELAY_S, at_least, full_jitter

dice = st.floats(0.0, 1.0, exclude_max=True)


@given(st.integers(1, 10_000), dice)
def test_full_jitter_is_never_negative_nor_above_the_cap(attempt: int, die: float):
    assert 0.0 <= full_jitter(attempt, lambda: die) <= MAX_DELAY_S


def test_ceiling_doubles_up_to_the_cap():
    ceilings = [full_jitter(n, lambda: 1.0, first_s=1.0) for n in range(1, 8)]

    assert ceilings == [1, 2, 4, 8, 16, 30, 30]


@given(st.floats(0.0, 600.0), dice)
def test_asked_time_is_kept_and_spread_a_little(asked_s: float, die: float):
    assert asked_s <= at_least(asked_s, lambda: die) <= asked_s * 1.25


@given(st.floats(allow_nan=False))
def test_asked_time_is_bounded_whatever_was_asked(asked_s: float):
    assert 0.0 <= at_least(asked_s, lambda: 1.0) <= 750.0
