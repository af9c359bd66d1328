"""How long a job still takes, with a range that means what it says."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from math import exp, hypot, isfinite, sqrt
from statistics import fmean, pvariance
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Z = 1.645
"""Nine of ten, were the errors normal; `tests/unit/core/test_estimate.py` counts how often the
range really holds."""

_PRIOR_SPREAD = 0.35
_PRIOR_WEIGHT = 2
"""Before there are many units, frames are taken to differ by a third of their mean, with the
weight of two observations. Without it two equal frames would promise an exact end."""

_PRIOR_DRIFT = 0.15
"""Frames further along a shot differ from those before by about this share, seen or not yet."""

_BLOCKS = 5
_SMALLEST_BLOCK = 3
_DRIFT_AHEAD = 3
"""The blocks to come lie outside of what was seen, so they may differ by more than those."""

_BISECTIONS = 20

_RUNNING_LOOKED_AT = 256
"""Of more running units, every so many-th stands for its neighbours: the time left of ten thousand
would take half a second to work out, and is asked for four times a second while somebody looks."""

_LATEST_END = (3.0, 0.69, 0.05)
"""Expected number of units still running at the low, likely and high end of a job: the last of
several is over with a chance of exp(-number), that is one in twenty, one in two, 19 in 20."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds until the last unit is done.

    Attributes:
        low_s: It hardly ends sooner.
        likely_s: The best single guess.
        high_s: It hardly takes longer, as long as the farm stays as it is.
    """

    low_s: float
    likely_s: float
    high_s: float


def time_left(
    finished_s: Sequence[float],
    *,
    pending: int,
    slots: int,
    running_s: Sequence[float] = (),
) -> Estimate | None:
    """Estimate when a stage ends. Pure, O(n log n) for n finished units.

    The units to come are taken to be like those that are done, worked on by as many slots as
    now. First all slots are busy, for a time that follows from the work there is; then they end
    one after another, and the last of them ends the stage. The range covers how much units
    differ, how far their mean drifts along the shot, and how late the last one is.

    Args:
        finished_s: Seconds of finished units, oldest first. The latest two hundred are plenty.
        pending: Units nobody works on yet.
        slots: Slots working on the stage.
        running_s: For each unit being worked on, the seconds since it began.

    Returns:
        The estimate; None while nothing has finished.
    """
    if pending <= 0 and not running_s:
        return Estimate(0.0, 0.0, 0.0)
    durations = [seconds for seconds in finished_s if isfinite(seconds) and seconds > 0]
    if not durations:
        return None
    elapsed = _Elapsed.of(running_s)
    seen = _Durations(durations)
    slots = max(1, slots)
    # Early in a job only the quick units have ended. Were all units alike and without memory,
    # their mean would be the time spent on all of them, the running ones included, by the
    # number of those that ended (the estimator for censored life times).
    unseen = elapsed.sum(float) / seen.count
    if pending <= 0:
        ends = [seen.last_of(elapsed, still) for still in _LATEST_END]
        return _estimate(ends, 0.0, unseen)
    unseen_s = (pending + elapsed.count) * unseen / slots
    return _estimate(_ends(seen, pending, elapsed, slots), _error(seen, pending, slots), unseen_s)


@dataclass(frozen=True, slots=True)
class _Elapsed:
    """How long the running units have been running.

    Attributes:
        count: How many there are.
        some: Seconds of some of them, ascending.
        each: How many of them one of those stands for.
    """

    count: int
    some: list[float]
    each: float

    @classmethod
    def of(cls, running_s: Sequence[float]) -> _Elapsed:
        every = sorted(max(0.0, seconds) for seconds in running_s)
        n = min(len(every), _RUNNING_LOOKED_AT)
        # The middle one of each of n equal parts.
        some = [every[(2 * part + 1) * len(every) // (2 * n)] for part in range(n)]
        return cls(len(every), some, len(every) / max(1, n))

    def sum(self, of: Callable[[float], float]) -> float:
        """The sum of something over all of them."""
        return self.each * sum(map(of, self.some))


def _ends(seen: _Durations, pending: int, elapsed: _Elapsed, slots: int) -> list[float]:
    """The low, the likely and the high end of a stage, were the work before its tail known."""
    active = min(slots, pending + elapsed.count)
    work = elapsed.sum(seen.remaining) + pending * seen.mean
    # When nothing is pending any more, the units on the slots have this much left.
    busy_s = max(0.0, work - active * seen.mean_residual) / slots
    return [busy_s + seen.last_residual(still / active) for still in _LATEST_END]


def _error(seen: _Durations, pending: int, slots: int) -> float:
    """How far off the work before the tail may be, in seconds of the whole farm."""
    by_chance = pending * seen.spread**2
    by_ignorance = (pending * seen.error_of_mean) ** 2
    return _Z * sqrt(by_chance + by_ignorance) / slots


def _estimate(ends: list[float], error_s: float, unseen_s: float) -> Estimate:
    """Widen the range of the last units by the errors of the work before them.

    Args:
        ends: The low, the likely and the high end.
        error_s: Error of the work before, up or down.
        unseen_s: What it may last longer because the slowest units have not ended yet.
    """
    low, likely, high = ends
    below = hypot(likely - low, error_s)
    above = hypot(high - likely, error_s) + unseen_s
    return Estimate(max(0.0, likely - below), likely, likely + above)


class _Durations:
    """What the finished units say about those to come.

    Attributes:
        count: Finished units.
        mean: Seconds of a unit.
        spread: Standard deviation between units, in seconds.
        error_of_mean: Standard error, in seconds, of `mean` as the mean of the units to come.
        mean_residual: Seconds a unit met at any moment still takes.
    """

    def __init__(self, durations: list[float]) -> None:
        self.count = len(durations)
        self.mean = fmean(durations)
        expected = _PRIOR_WEIGHT * (_PRIOR_SPREAD * self.mean) ** 2
        squares = pvariance(durations, self.mean) * self.count
        self.spread = sqrt((squares + expected) / (self.count - 1 + _PRIOR_WEIGHT))
        drift = _drift(durations, self.spread**2) + (_PRIOR_DRIFT * self.mean) ** 2
        self.error_of_mean = sqrt(self.spread**2 / self.count + drift)
        self._sorted = sorted(durations)
        # _above[i]: sum of all durations from the i-th shortest on.
        self._above = [*accumulate(reversed(self._sorted), initial=0.0)][::-1]
        self.mean_residual = (self.spread**2 + self.mean**2) / (2 * self.mean)

    def remaining(self, elapsed: float) -> float:
        """Seconds a running unit still takes: as units did that took longer than it so far."""
        at = bisect_right(self._sorted, elapsed)
        longer = self.count - at
        if longer:
            return self._above[at] / longer - elapsed
        # Longer than any before; what has lasted long goes on for long.
        return max(elapsed / 2, self.mean / 10)

    def last_residual(self, share: float) -> float:
        """Seconds after which only `share` of the units met at one moment still run.

        A unit met at random has more than x left with the chance E[(X - x)+] / E[X] (renewal
        theory), here for X one of the finished units.
        """
        total = self._above[0]
        if share >= 1:
            return 0.0
        below, above = 0.0, self._sorted[-1]
        for _ in range(_BISECTIONS):
            middle = (below + above) / 2
            at = bisect_right(self._sorted, middle)
            left = self._above[at] - middle * (self.count - at)
            below, above = (middle, above) if left > share * total else (below, middle)
        return above

    def last_of(self, elapsed: _Elapsed, still: float) -> float:
        """Seconds after which `still` of the given running units are expected to run."""
        below, above = 0.0, max(self._sorted[-1], 2 * elapsed.some[-1])
        for _ in range(_BISECTIONS):
            middle = (below + above) / 2
            running = elapsed.sum(partial(self._chance_beyond, more=middle))
            below, above = (middle, above) if running > still else (below, middle)
        return above

    def _chance_beyond(self, elapsed: float, more: float) -> float:
        """Chance that a unit which has run for `elapsed` runs for longer than `more` yet."""
        longer = self.count - bisect_right(self._sorted, elapsed)
        if longer:
            return (self.count - bisect_right(self._sorted, elapsed + more)) / longer
        return exp(-more / self.remaining(elapsed))


def _drift(durations: list[float], variance: float) -> float:
    """How much the mean changes along the shot, as a variance.

    It is what the means of blocks differ by, beyond what they would if units did not resemble
    their neighbours.
    """
    size = len(durations) // _BLOCKS
    if size < _SMALLEST_BLOCK:
        return 0.0
    means = [fmean(durations[i * size : (i + 1) * size]) for i in range(_BLOCKS)]
    between = pvariance(means) * _BLOCKS / (_BLOCKS - 1)
    return _DRIFT_AHEAD * max(0.0, between - variance / size)
