"""What became of each of several things that were told to do the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from framefarm.cli import failures

_FEW = 10
_WORDS = (("done", "changed"), ("unchanged", "were so"), ("refused", "refused"))


class Outcome(Protocol):
    """What became of one of them."""

    @property
    def outcome(self) -> str:
        """`done`, `unchanged` or `refused`."""

    @property
    def message(self) -> str:
        """The same for people."""


def outcome_lines(told: Sequence[tuple[str, Outcome]], noun: str) -> list[str]:
    """A line for each, and how many there were of each outcome where they are not few.

    Args:
        told: What each is called, and what became of it; at least one.
        noun: What they are.
    """
    width = max(len(name) for name, _ in told)
    lines = [f"{name:<{width}}  {one.message}" for name, one in told]
    return [*lines, "", _counted([one for _, one in told], noun)] if len(told) > _FEW else lines


def exit_status(outcomes: Iterable[Outcome]) -> int:
    """Not 0 when any of them refused."""
    refused = any(one.outcome == "refused" for one in outcomes)
    return failures.UNITS_FAILED if refused else failures.DONE


def _counted(outcomes: Sequence[Outcome], noun: str) -> str:
    counts = [(sum(one.outcome == kind for one in outcomes), words) for kind, words in _WORDS]
    told = ", ".join(f"{count} {words}" for count, words in counts if count)
    return f"{len(outcomes):,} {noun}: {told}"
