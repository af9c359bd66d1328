"""Which unit is started a second time, and which is not worth it (L11)."""

from __future__ import annotations

import pytest

from framefarm.core.tail import Pace, UnitEnd, expected_ends, usual_seconds, worth_starting


def ends(units: list[int], pace: Pace, usual_s: float | None = None) -> list[float]:
    return [end.ends_in_s for end in expected_ends(units, pace, usual_s=usual_s)]


def test_units_of_a_lease_end_one_after_the_other():
    assert ends([7, 8, 9], Pace(10.0, elapsed_s=4.0)) == [6.0, 16.0, 26.0]
    assert [end.unit for end in expected_ends([7, 9], Pace(1.0), usual_s=None)] == [7, 9]


def test_a_slot_that_has_finished_nothing_is_taken_to_be_as_fast_as_others():
    assert ends([1], Pace(elapsed_s=1.0), usual_s=5.0) == [4.0]
    assert ends([1], Pace(elapsed_s=1.0)) == []


def test_what_a_slot_says_of_its_unit_counts_more_than_what_units_took_before():
    assert ends([1], Pace(10.0, elapsed_s=30.0, share_done=0.5)) == [30.0]
    assert ends([1], Pace(10.0, elapsed_s=3.0, share_done=0.01)) == [7.0]


def test_a_unit_that_takes_longer_than_any_before_is_expected_to_go_on_and_so_are_the_next():
    assert ends([1, 2], Pace(10.0, elapsed_s=40.0)) == [20.0, 60.0]


def test_the_usual_time_is_the_median_of_those_known():
    assert usual_seconds([Pace(1.0), Pace(), Pace(9.0), Pace(2.0)]) == 2.0
    assert usual_seconds([Pace()]) is None


@pytest.mark.parametrize(
    ("ends_in_s", "seconds_here", "worth"),
    [(20.0, 4.0, True), (5.4, 4.0, False), (5.6, 4.0, True), (0.6, 0.2, False), (0.8, 0.2, True)],
)
def test_a_second_start_must_gain_something(ends_in_s: float, seconds_here: float, worth: bool):  # noqa: FBT001
    assert worth_starting(UnitEnd(1, ends_in_s), seconds_here=seconds_here) is worth
