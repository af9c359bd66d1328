"""Set arithmetic on runs: the machinery under `framefarm.core.spans`.

A run is a Python `range` with a positive step. A list of runs is *laid out* when each
run starts after the one before it has ended. Runs are kept laid out because work is
carved off the front in ascending order, and an interleaved pair could not be carved.

`range` is used on purpose: its length, membership, index and slicing are constant-time
C code, which makes carving a lease cost about a microsecond.

Every function here is O(number of runs), with one exception that no laid-out form can
avoid: where two runs with different steps overlap and neither holds the other, the
result is written out piece by piece (1-100x2 joined with 1-100x3 is 1, 3-5, 7, 9-11,
...). `MAX_RUNS` bounds that.
"""

from __future__ import annotations

import heapq
from itertools import pairwise
from math import gcd
from typing import TYPE_CHECKING

from framefarm.core.errors import FrameFarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_RUNS = 200_000
"""Most runs one value may need. A million frames with every fourth one taken out need 250,000;
beyond that, work is better split into jobs. Building this many takes about 0.2 s and 20 MB."""

_SINGLES = 2
"""Two units with a gap between them are written as two runs: `1,9` is shorter than `1-9x8`."""


class SpansError(FrameFarmError):
    """A text or a calculation does not give a usable set of units.

    Attributes:
        text: What was to be read; empty when the error comes from a calculation.
        piece: The part of the text that is wrong.
        position: Where that part starts in the text, counted from 1.
    """

    code = "bad_frames"

    def __init__(self, message: str, *, text: str = "", piece: str = "", position: int = 0) -> None:
        super().__init__(message)
        self.text = text
        self.piece = piece
        self.position = position


def canonical(runs: Iterable[range]) -> tuple[range, ...]:
    """Write laid-out runs in the one form that every equal set shares.

    The form is greedy from the left: each run is as long as it can be, and a stepped run
    has at least three units.

    Args:
        runs: Laid-out runs; empty ones are skipped.

    Returns:
        The canonical runs.

    Raises:
        SpansError: More than `MAX_RUNS` would be needed.
    """
    done: list[range] = []
    first = last = step = size = 0
    for run in runs:
        # After three of its units have been fed, the open run has the step of `run`,
        # so the rest of it is appended without being looked at.
        for unit in run[:3]:
            gap = unit - last
            if size == 0:
                first, size = unit, 1
            elif size == 1:
                step, size = gap, 2
            elif gap == step:
                size += 1
            elif size == _SINGLES and step > 1:
                done.append(range(first, first + 1))
                first, step = last, gap
            else:
                done.append(range(first, last + 1, step))
                first, size = unit, 1
            last = unit
        if len(run) > 3:  # noqa: PLR2004 - the three fed above
            size += len(run) - 3
            last = run[-1]
        if len(done) > MAX_RUNS:
            raise _too_many_runs()
    done.extend(closed(first, last, step, size))
    return tuple(done)


def closed(first: int, last: int, step: int, size: int) -> Iterator[range]:
    """Yield the canonical runs of one arithmetic progression."""
    if size == 1 or (size == _SINGLES and step > 1):
        yield range(first, first + 1)
    if size == _SINGLES and step > 1:
        yield range(last, last + 1)
    elif size > 1:
        yield range(first, last + 1, step)


def _too_many_runs() -> SpansError:
    return SpansError(
        f"These units need more than {MAX_RUNS:,} separate spans; "
        "use fewer gaps, or split the work into several jobs."
    )


def shortened(run: range) -> tuple[range, ...]:
    """Canonical runs of a part of one run."""
    size = len(run)
    if size > _SINGLES or (run.step == 1 and size > 1):
        return (run,)
    return tuple(range(unit, unit + 1) for unit in run)


def front(runs: tuple[range, ...], count: int) -> tuple[tuple[range, ...], tuple[range, ...]]:
    """Split canonical runs after their first `count` units.

    Usually this only cuts the first run. The remainder is written anew only where the cut
    leaves one or two units, which may then join the run behind them.

    Returns:
        The canonical runs of the first `count` units, and of all others.
    """
    at = 0
    while at < len(runs) and count >= len(runs[at]):
        count -= len(runs[at])
        at += 1
    if count <= 0 or at == len(runs):
        return runs[:at], runs[at:]
    cut = runs[at]
    taken = (*runs[:at], *shortened(cut[:count]))
    rest = cut[count:]
    if len(rest) > _SINGLES or (rest.step == 1 and len(rest) > 1):
        return taken, (rest, *runs[at + 1 :])
    return taken, canonical((rest, *runs[at + 1 :]))


def joined(runs: Iterable[range]) -> tuple[range, ...]:
    """Canonical runs of everything in `runs`, which may overlap and come in any order.

    O(n log n) for n runs.
    """
    ordered = sorted((run for run in runs if run), key=lambda run: run.start)
    if all(left[-1] < right.start for left, right in pairwise(ordered)):
        return canonical(ordered)
    half = len(ordered) // 2
    return union(joined(ordered[:half]), joined(ordered[half:]))


def union(a: Sequence[range], b: Sequence[range]) -> tuple[range, ...]:
    """Units that are in either list of laid-out runs."""
    return canonical(
        run
        for left, right in _zones(a, b)
        for run in (_both(left, right) if left and right else (left, right))
    )


def difference(a: Sequence[range], b: Sequence[range]) -> tuple[range, ...]:
    """Units of `a` that are not in `b`; both are laid-out runs."""
    return canonical(run for left, right in _zones(a, b) for run in _without(left, right))


def intersection(a: Sequence[range], b: Sequence[range]) -> tuple[range, ...]:
    """Units that are in both lists of laid-out runs."""
    return canonical(_common(left, right) for left, right in _zones(a, b))


def _zones(a: Sequence[range], b: Sequence[range]) -> Iterator[tuple[range, range]]:
    """Cut two laid-out lists where either changes, so that each zone has at most one run of each.

    Yields:
        For every zone, ascending: the part of `a` and the part of `b` in it; either may be empty.
    """
    nothing = range(0)
    rests_a, rests_b = iter(a), iter(b)
    left, right = next(rests_a, nothing), next(rests_b, nothing)
    while left and right:
        if left[-1] < right[0]:
            yield left, nothing
            left = nothing
        elif right[-1] < left[0]:
            yield nothing, right
            right = nothing
        else:
            start, end = max(left[0], right[0]), min(left[-1], right[-1]) + 1
            head_a, left = _split(left, start)
            head_b, right = _split(right, start)
            yield head_a, head_b
            zone_a, left = _split(left, end)
            zone_b, right = _split(right, end)
            yield zone_a, zone_b
        left = left or next(rests_a, nothing)
        right = right or next(rests_b, nothing)
    if left:
        yield left, nothing
    if right:
        yield nothing, right
    for run in rests_a:
        yield run, nothing
    for run in rests_b:
        yield nothing, run


def _split(run: range, unit: int) -> tuple[range, range]:
    """Units of a run below `unit`, and the others."""
    below = max(0, -((run.start - unit) // run.step)) if run else 0
    return run[:below], run[below:]


def _both(a: range, b: range) -> Iterable[range]:
    """Union of two runs that both hold something, laid out."""
    common = _common(a, b)
    if len(common) == len(b):
        return (a,)
    if len(common) == len(a):
        return (b,)
    if a.step == b.step and 2 * abs(a.start - b.start) == a.step:
        woven = range(min(a.start, b.start), max(a[-1], b[-1]) + 1, a.step // 2)
        if len(woven) == len(a) + len(b):
            return (woven,)
    fresh = (unit for unit in b if unit not in common)
    return (range(unit, unit + 1) for unit in heapq.merge(a, fresh))


def _common(a: range, b: range) -> range:
    """Intersection of two runs: one run again (Chinese remainder theorem)."""
    if not a or not b:
        return range(0)
    shared = gcd(a.step, b.step)
    if (b.start - a.start) % shared:
        return range(0)
    step = a.step // shared * b.step
    # The first number at or after both starts which is in both progressions.
    turns = (b.start - a.start) // shared * pow(a.step // shared, -1, b.step // shared)
    meeting = a.start + turns * a.step
    start = max(a.start, b.start)
    start += (meeting - start) % step
    return range(start, min(a[-1], b[-1]) + 1, step)


def _without(a: range, b: range) -> Iterator[range]:
    """Units of one run that are not in another, laid out."""
    gone = _common(a, b)
    if not gone:
        yield a
        return
    start, stride = a.index(gone[0]), max(1, gone.step // a.step)
    end = start + (len(gone) - 1) * stride
    yield a[:start]
    if stride == 2:  # noqa: PLR2004 - every second unit goes, so the others are one run
        yield a[start + 1 : end : 2]
    elif stride > 1:
        for at in range(start + 1, end, stride):
            yield a[at : at + stride - 1]
    yield a[end + 1 :]
