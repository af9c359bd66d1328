"""Telling a slow line from a peer that only keeps its connection (L14)."""

from __future__ import annotations

from framefarm.api.pace import Pace


def judged(moved: list[tuple[float, int]]) -> list[bool]:
    pace = Pace(least_bytes_per_s=100.0, over_s=10.0)
    return [pace.too_slow(bytes_, now) for now, bytes_ in moved]


def test_a_slow_line_is_given_all_the_time_it_needs():
    assert not any(judged([(now, now * 100) for now in range(10_000)]))


def test_a_byte_now_and_then_is_not_enough():
    assert judged([(0, 0), (5, 1), (10, 2)]) == [False, False, True]


def test_only_whole_windows_are_judged():
    assert not any(judged([(0, 0), (9.9, 0), (9.99, 5_000), (10, 5_000)]))


def test_what_was_fast_once_has_no_credit():
    assert judged([(0, 0), (10, 1_000_000), (20, 1_000_001)]) == [False, False, True]


def test_waiting_for_the_manager_itself_does_not_count():
    pace = Pace(least_bytes_per_s=100.0, over_s=10.0)
    assert not pace.too_slow(0, 0.0)
    pace.restart()
    assert not pace.too_slow(0, 10.0)
    assert not pace.too_slow(0, 19.0)
    assert pace.too_slow(0, 20.0)
