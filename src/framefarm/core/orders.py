"""The order of work inside a job (rule L12)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from framefarm.core.span_text import DEFAULT_LIMIT, read_pieces
from framefarm.core.spans import Span, Spans, SpansError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FIRST_STEP = 16
"""Distance of the units of the first pass of `spread`; a power of two, halved pass by pass."""

MAX_PASSES = 100
"""Most passes of one stage: each is a row of the database, and a list of frames that jumps
back more often is a slip of the pen."""


class Order(StrEnum):
    """In which order the units of a stage are worked on.

    `sequential`: ascending. `spread`: the first, the last and every 16th first, so that
    mistakes show early, then the gaps are halved until all are done. `listed`: as a person
    wrote them.
    """

    SEQUENTIAL = "sequential"
    SPREAD = "spread"
    LISTED = "listed"


def plan_order(
    units: Spans, order: Order | str, listed: Sequence[Spans] | None = None
) -> list[Spans]:
    """Arrange units into passes: all of a pass comes before the next, each pass ascending.

    O(spans * log(16)): a million frames in `spread` are five passes of one span or two.

    Args:
        units: What is to be done.
        order: How.
        listed: For `listed`, what comes first, second, ...; units which it leaves out follow
            at the end, and what is not in `units` is skipped.

    Returns:
        Passes that are not empty and together hold each unit exactly once.

    Raises:
        ValueError: `order` is no `Order`.
    """
    match Order(order):
        case Order.SEQUENTIAL:
            passes = [units]
        case Order.SPREAD:
            passes = _spread(units)
        case Order.LISTED:
            passes = _once_each(units, [*(listed or ()), units])
    return [units for units in passes if units]


def _spread(units: Spans) -> list[Spans]:
    if not units:
        return []
    end = Spans.of(units.last, units.last)
    between = units.difference(end)
    passes = [between.every(FIRST_STEP).union(end)]
    step = FIRST_STEP
    while step > 1:
        passes.append(between.every(step, step // 2))
        step //= 2
    return passes


def _once_each(units: Spans, wanted: Iterable[Spans]) -> list[Spans]:
    passes = []
    for group in wanted:
        passes.append(group.intersection(units))
        units = units.difference(group)
    return passes


def parse_listed(text: str, *, limit: int = DEFAULT_LIMIT) -> list[Spans]:
    """Read frames in the order in which a person wrote them: `300,1-250` begins with 300.

    Args:
        text: As for `Spans.parse`.
        limit: Most units the text may name.

    Returns:
        One set for each run of pieces that ascend, for `plan_order(..., listed=...)`.

    Raises:
        SpansError: As for `Spans.parse`, or the text jumps back too often.
    """
    groups: list[list[Span]] = []
    for run in read_pieces(text, limit=limit):
        span = Span(run[0], run[-1], run.step)
        if groups and groups[-1][-1].last < span.first:
            groups[-1].append(span)
        else:
            groups.append([span])
    if len(groups) >= MAX_PASSES:
        raise SpansError(
            f"The frames jump back {len(groups) - 1:,} times; an order may do so "
            f"{MAX_PASSES - 2} times. Write longer spans that ascend.",
            text=text,
        )
    return [Spans(group) for group in groups]
