from __future__ import annotations

import heapq
import math
import random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.core import estimate
from framefarm.core.estimate import Estimate, time_left

durations = st.lists(st.floats(0.01, 1e5), max_size=40)


class Moment(NamedTuple):
    """What is known in the midst of a simulated stage, and how long it really takes."""

    finished: list[float]
    running: list[float]
    pending: int
    left: float


def simulate(units: list[float], slowness: list[float], share: float) -> Moment:
    """Run units on slots, each when one is free, and stop at a share of the whole time."""
    free = [(0.0, slot) for slot in range(len(slowness))]
    runs = []
    for seconds in units:
        start, slot = heapq.heappop(free)
        end = start + seconds * slowness[slot]
        runs.append((end, start))
        heapq.heappush(free, (end, slot))
    whole = max(end for end, _ in runs)
    now = whole * share
    return Moment(
        finished=[end - start for end, start in sorted(runs) if end <= now],
        running=[now - start for end, start in runs if start <= now < end],
        pending=sum(start > now for _, start in runs),
        left=whole - now,
    )


def shot(rng: random.Random, kind: str) -> list[float]:
    """Render times of a shot whose frames are alike, drift along it, or are of two kinds."""
    count, spread = rng.choice((10, 48, 250, 1000)), rng.choice((0.05, 0.2, 0.5))
    phase, waves = rng.uniform(0, math.tau), rng.uniform(0.5, 2)
    times = []
    for index in range(count):
        seconds = 10 * rng.lognormvariate(0, spread)
        if kind == "drifting":
            seconds *= 1 + 0.4 * math.sin(phase + math.tau * waves * index / count)
        if kind == "two kinds" and rng.random() < 0.1:
            seconds *= 4
        times.append(seconds)
    return times


@pytest.mark.parametrize(
    ("kind", "slots", "least"),
    [
        ("alike", 1, 0.9),
        ("alike", 8, 0.9),
        ("alike", 32, 0.85),
        ("drifting", 1, 0.75),
        ("drifting", 8, 0.75),
        ("two kinds", 1, 0.9),
        ("two kinds", 8, 0.85),
        ("two kinds", 32, 0.7),
    ],
)
def test_the_range_holds_on_mixed_machines(kind, slots, least):
    """Of stages of many sizes, met at any moment, most end within the range."""
    rng = random.Random(f"{kind} {slots}")
    held = []
    for _ in range(250):
        machines = [rng.choice((1.0, 1.0, 2.0, 4.0)) for _ in range(slots)]
        moment = simulate(shot(rng, kind), machines, rng.uniform(0.1, 0.95))
        estimate = time_left(
            moment.finished[-200:], pending=moment.pending, slots=slots, running_s=moment.running
        )
        if estimate is not None:
            held.append(estimate.low_s <= moment.left <= estimate.high_s)

    assert len(held) > 100
    assert sum(held) / len(held) >= least


def test_the_range_is_narrow_enough_to_be_of_use():
    """Halfway through 250 even frames on four machines, it is a fifth around the truth."""
    rng = random.Random(3)
    units = [10 * rng.lognormvariate(0, 0.1) for _ in range(250)]
    moment = simulate(units, [1.0] * 4, 0.5)

    estimate = time_left(moment.finished, pending=moment.pending, slots=4, running_s=moment.running)

    assert estimate is not None
    assert estimate.low_s > 0.6 * moment.left
    assert estimate.high_s < 1.4 * moment.left
    assert estimate.likely_s == pytest.approx(moment.left, rel=0.1)


@given(durations, st.integers(0, 10**6), st.integers(0, 600), durations)
def test_the_three_numbers_are_finite_and_in_order(finished, pending, slots, running):
    estimate = time_left(finished, pending=pending, slots=slots, running_s=running)

    if estimate is None:
        assert not finished
        return
    assert 0 <= estimate.low_s <= estimate.likely_s <= estimate.high_s < math.inf
    assert (estimate.high_s > 0) == bool(pending or running)


def test_nothing_is_promised_before_the_first_unit():
    assert time_left([], pending=5, slots=2, running_s=[3.0]) is None
    assert time_left([math.nan, -1.0, 0.0, math.inf], pending=5, slots=2) is None


def test_nothing_left_takes_no_time():
    assert time_left([], pending=0, slots=2) == Estimate(0.0, 0.0, 0.0)
    assert time_left([5.0], pending=-1, slots=2) == Estimate(0.0, 0.0, 0.0)


def test_one_even_slot_takes_the_mean_for_each_unit():
    estimate = time_left([10.0] * 50, pending=20, slots=1, running_s=[5.0])
    assert estimate is not None
    assert estimate.likely_s == pytest.approx(205, rel=0.03)


def test_more_slots_end_sooner():
    few = time_left([10.0] * 50, pending=100, slots=2)
    many = time_left([10.0] * 50, pending=100, slots=10)
    assert few is not None
    assert many is not None
    assert many.high_s < few.low_s


def test_more_finished_units_narrow_the_range():
    after_2 = time_left([9.0, 11.0], pending=100, slots=1)
    after_100 = time_left([9.0, 11.0] * 50, pending=100, slots=1)
    assert after_2 is not None
    assert after_100 is not None
    assert after_100.high_s - after_100.low_s < 0.8 * (after_2.high_s - after_2.low_s)


def test_a_unit_that_outlasts_all_others_is_not_promised_to_end_at_once():
    estimate = time_left([10.0] * 20, pending=0, slots=1, running_s=[100.0])
    assert estimate is not None
    assert estimate.likely_s > 15
    assert estimate.high_s > 100


@pytest.mark.parametrize("pending", [0, 5_000])
def test_some_of_thousands_of_running_units_tell_the_same_as_all_of_them(pending, monkeypatch):
    rng = random.Random(1)
    finished = [10 * rng.lognormvariate(0, 0.3) for _ in range(200)]
    running = [rng.uniform(0, 12) for _ in range(10_000)]

    some = time_left(finished, pending=pending, slots=10_000, running_s=running)
    monkeypatch.setattr(estimate, "_RUNNING_LOOKED_AT", 10_000)
    every = time_left(finished, pending=pending, slots=10_000, running_s=running)

    assert some is not None
    assert every is not None
    assert some.low_s == pytest.approx(every.low_s, rel=0.01)
    assert some.likely_s == pytest.approx(every.likely_s, rel=0.01)
    assert some.high_s == pytest.approx(every.high_s, rel=0.01)
