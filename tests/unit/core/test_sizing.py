from __future__ import annotations

import heapq
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.sizing import LARGEST_LEASE, Speed, units_to_lease

seconds = st.none() | st.floats(0, 1e6)
counts = st.integers(1, 2_000_000)
slot_counts = st.integers(1, 2_000)


@given(seconds, counts, slot_counts)
def test_a_lease_never_holds_more_than_is_pending_fair_or_allowed(seconds_per_unit, pending, slots):
    size = units_to_lease(seconds_per_unit=seconds_per_unit, pending=pending, slots=slots)

    assert 1 <= size <= min(pending, LARGEST_LEASE)
    assert size <= max(1, math.ceil(pending / (2 * slots)))


@given(st.floats(0.001, 1e4), counts, slot_counts, st.floats(1, 600))
def test_a_lease_of_several_units_holds_at_most_the_target(per_unit, pending, slots, target_s):
    size = units_to_lease(
        seconds_per_unit=per_unit, target_s=target_s, pending=pending, slots=slots
    )

    assert size == 1 or size * per_unit <= target_s * 1.000001


@given(seconds, slot_counts, counts, counts)
def test_more_pending_units_never_make_a_lease_smaller(per_unit, slots, one, other):
    sizes = [
        units_to_lease(seconds_per_unit=per_unit, pending=pending, slots=slots)
        for pending in sorted((one, other))
    ]
    assert sizes[0] <= sizes[1]


@pytest.mark.parametrize(
    ("per_unit", "pending", "slots", "size"),
    [
        (None, 500, 4, 1),
        (math.nan, 500, 4, 1),
        (math.inf, 500, 4, 1),
        (3.0, 500, 4, 10),
        (100.0, 500, 4, 1),
        (0.0, 500_000, 4, LARGEST_LEASE),
        (3.0, 9, 2, 3),
        (3.0, 1, 2, 1),
        (3.0, 0, 2, 0),
        (3.0, -1, 2, 0),
        (3.0, 500, 0, 10),
    ],
)
def test_size_of_a_lease(per_unit, pending, slots, size):
    assert units_to_lease(seconds_per_unit=per_unit, pending=pending, slots=slots) == size


@given(st.lists(st.floats(0.5, 8.0), min_size=1, max_size=8), st.integers(1, 400))
def test_slots_of_any_speed_end_within_one_lease_of_each_other(speeds, pending):
    """A slow machine beside fast ones must not be left working alone for long."""
    free_at = [(0.0, slot) for slot in range(len(speeds))]
    longest = 0.0
    while pending:
        now, slot = heapq.heappop(free_at)
        size = units_to_lease(seconds_per_unit=speeds[slot], pending=pending, slots=len(speeds))
        pending -= size
        longest = max(longest, size * speeds[slot])
        heapq.heappush(free_at, (now + size * speeds[slot], slot))

    ends = [at for at, _ in free_at]
    assert max(ends) - min(ends) <= longest + 1e-9
    assert longest <= 30.0


def test_speed_is_unknown_before_the_first_unit():
    assert Speed().seconds_per_unit is None


@given(st.lists(st.floats(1, 2), min_size=2, max_size=30), st.data())
def test_one_outlier_moves_the_speed_no_further_than_the_others_lie(times, data):
    at = data.draw(st.integers(0, len(times)))
    speed = Speed()
    for taken in (*times[:at], 1e6, *times[at:]):
        speed = speed.after(taken)

    assert speed.seconds_per_unit is not None
    assert 1 <= speed.seconds_per_unit <= 2
    assert len(speed.latest_s) <= 9


def test_a_slow_first_frame_is_forgotten_after_the_second():
    assert Speed().after(60).after(2).seconds_per_unit == 2


def test_speed_follows_a_lasting_change_within_nine_units():
    speed = Speed((1.0,) * 9)
    for _ in range(5):
        speed = speed.after(10)
    assert speed.seconds_per_unit == 10


@pytest.mark.parametrize("taken", [math.nan, math.inf, -1.0])
def test_a_number_that_is_no_duration_changes_nothing(taken):
    assert Speed((1.0,)).after(taken) == Speed((1.0,))
