"""Sets of units (frames, segments, slices), kept as spans.

All work of a job is kept this way, so that a job of a million frames costs as much as one
of a hundred: `1-1000000` is one span, and taking work off its front is constant time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framefarm.core import span_runs, span_text
from framefarm.core.span_runs import SpansError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Span", "Spans", "SpansError"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Units `first, first + step, ...` up to `last`.

    Normalised when made: `last` is a unit of the span, and a span of one unit has step 1.

    Attributes:
        first: Lowest unit.
        last: Highest unit.
        step: Distance between two units, at least 1.
    """

    first: int
    last: int
    step: int = 1

    def __post_init__(self) -> None:
        if self.step < 1:
            raise SpansError(f"A span needs a step of 1 or more, not {self.step}.")
        if self.last < self.first:
            raise SpansError(f"A span cannot run backwards from {self.first} to {self.last}.")
        last = self.last - (self.last - self.first) % self.step
        object.__setattr__(self, "last", last)
        if last == self.first:
            object.__setattr__(self, "step", 1)

    def __len__(self) -> int:
        return (self.last - self.first) // self.step + 1


class Spans:
    """An immutable set of units in ascending order, made of spans that do not overlap.

    Equal sets are equal values with the same text, however they were made. Everything here
    is O(number of spans), never O(number of units), except iteration and one case told in
    `framefarm.core.span_runs`: joining or subtracting overlapping spans of unlike steps,
    whose result itself consists of many spans (`SpansError` beyond 200,000).
    """

    __slots__ = ("_runs",)

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        """Make the set of everything in `spans`, which may overlap and come in any order."""
        self._runs = span_runs.joined(range(s.first, s.last + 1, s.step) for s in spans)

    @classmethod
    def _of(cls, runs: tuple[range, ...]) -> Spans:
        made = cls.__new__(cls)
        made._runs = runs  # noqa: SLF001 - of this very class; skips joining and sorting
        return made

    @classmethod
    def of(cls, first: int, last: int, step: int = 1) -> Spans:
        """Make the set of one span.

        Raises:
            SpansError: `last` is below `first`, or `step` is below 1.
        """
        if last < first or step < 1:
            Span(first, last, step)  # raises, with the message for it
        return cls._of(span_runs.shortened(range(first, last + 1, step)))

    @classmethod
    def from_units(cls, units: Iterable[int]) -> Spans:
        """Make the set of the given units, in any order, repeats allowed. O(n log n)."""
        return cls._of(span_runs.canonical(range(u, u + 1) for u in sorted(set(units))))

    @classmethod
    def parse(cls, text: str, *, limit: int = span_text.DEFAULT_LIMIT) -> Spans:
        """Read frames as a person types them, such as `1-250,300,310-400x5`.

        Args:
            text: Pieces such as `5`, `1-250` or `1-250x10`, separated by commas. Frames may be
                negative (`-10--5`); white space and repeated frames do not matter.
            limit: Most units the text may name.

        Returns:
            The units; at least one.

        Raises:
            SpansError: Which piece is wrong, where it stands, and what to write instead.
        """
        return cls._of(span_runs.joined(span_text.read_pieces(text, limit=limit)))

    @classmethod
    def restore(cls, text: str) -> Spans:
        """Read back what `str()` printed; fast, and without the limits meant for people.

        Raises:
            SpansError: The text was not printed by `str()`.
        """
        return cls._of(span_text.stored_runs(text))

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans, ascending."""
        return tuple(Span(run[0], run[-1], run.step) for run in self._runs)

    @property
    def count(self) -> int:
        """How many units there are."""
        return sum(map(len, self._runs))

    @property
    def first(self) -> int:
        """The lowest unit.

        Raises:
            IndexError: There is none.
        """
        return self._runs[0][0]

    @property
    def last(self) -> int:
        """The highest unit.

        Raises:
            IndexError: There is none.
        """
        return self._runs[-1][-1]

    def union(self, other: Spans) -> Spans:
        """Units in either set."""
        if not other._runs:
            return self
        return Spans._of(span_runs.union(self._runs, other._runs))

    def difference(self, other: Spans) -> Spans:
        """Units of this set that are not in the other."""
        if not other._runs:
            return self
        return Spans._of(span_runs.difference(self._runs, other._runs))

    def intersection(self, other: Spans) -> Spans:
        """Units in both sets."""
        return Spans._of(span_runs.intersection(self._runs, other._runs))

    __or__ = union
    __sub__ = difference
    __and__ = intersection

    def at(self, index: int) -> int:
        """The unit with this index, counted from 0 in ascending order.

        Raises:
            IndexError: There are not that many units.
        """
        if index >= 0:
            for run in self._runs:
                if index < len(run):
                    return run[index]
                index -= len(run)
        raise IndexError("no unit has this index")

    def index_of(self, unit: int) -> int:
        """The index of a unit, counted from 0 in ascending order.

        Raises:
            SpansError: The unit is not in this set.
        """
        before = 0
        for run in self._runs:
            if unit in run:
                return before + run.index(unit)
            before += len(run)
        raise SpansError(f"Unit {unit} is not among {self._shown()}.", piece=str(unit))

    def slice(self, start: int, stop: int) -> Spans:
        """The units with index `start` up to, not including, `stop`; fewer where there are none."""
        start = max(0, start)
        rest = span_runs.front(self._runs, start)[1]
        return Spans._of(span_runs.front(rest, stop - start)[0])

    def carve(self, n: int) -> tuple[Spans, Spans]:
        """Take the first `n` units off the front.

        Returns:
            The units taken (all of them when there are fewer than `n`) and those left.
        """
        runs = self._runs
        # Nearly every lease cuts one long run; this saves half of the time then.
        if len(runs) == 1 and n > 1 and len(runs[0]) - n > 1 and runs[0].step == 1:
            return Spans._of((runs[0][:n],)), Spans._of((runs[0][n:],))
        taken, rest = span_runs.front(runs, n)
        return Spans._of(taken), Spans._of(rest)

    def every(self, step: int, offset: int = 0) -> Spans:
        """The units whose index is `offset`, `offset + step`, `offset + 2 * step`, ..."""
        picked: list[range] = []
        before = 0
        for run in self._runs:
            start = offset - before if before <= offset else (offset - before) % step
            picked.append(run[start::step])
            before += len(run)
        return Spans._of(span_runs.canonical(picked))

    def __contains__(self, unit: object) -> bool:
        # `in` a range is constant time for integers only.
        return isinstance(unit, int) and any(unit in run for run in self._runs)

    def __iter__(self) -> Iterator[int]:
        for run in self._runs:
            yield from run

    def __len__(self) -> int:
        return self.count

    def __bool__(self) -> bool:
        return bool(self._runs)

    def __eq__(self, other: object) -> bool:
        return self._runs == other._runs if isinstance(other, Spans) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._runs)

    def __str__(self) -> str:
        return span_text.print_runs(self._runs)

    def __repr__(self) -> str:
        return f"Spans({self._shown()!r})"

    def _shown(self) -> str:
        if len(self._runs) <= 8:  # noqa: PLR2004 - what fits on a line
            return str(self)
        return f"{span_text.print_runs(self._runs[:8])},... ({self.count:,} units)"
