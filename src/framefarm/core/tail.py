"""Which unit to start a second time when nothing is pending and slots idle (rule L11). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WORTH_S = 0.5
WORTH_SHARE = 0.25
"""A second start must be expected to end the unit this much earlier: half a second, and a quarter
of what the unit takes. Less is within what two units differ by, and would only warm the room."""

_LONG_GONE = 0.1
_TRUSTED_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """How a slot is getting on with a lease.

    Attributes:
        seconds_per_unit: What units of the stage take there; None while it has finished none.
        elapsed_s: How long it has been at its present unit.
        share_done: How much of that unit is done, 0.0 to 1.0; None when it does not say.
    """

    seconds_per_unit: float | None = None
    elapsed_s: float = 0.0
    share_done: float | None = None


@dataclass(frozen=True, slots=True)
class UnitEnd:
    """When a unit is expected to end, in seconds from now."""

    unit: int
    ends_in_s: float


def usual_seconds(paces: Iterable[Pace]) -> float | None:
    """What a unit takes where nobody knows better: the median of the slots; None when unknown."""
    known = [pace.seconds_per_unit for pace in paces if pace.seconds_per_unit is not None]
    return median(known) if known else None


def expected_ends(units: Sequence[int], pace: Pace, *, usual_s: float | None) -> list[UnitEnd]:
    """Expect when each unit of a lease ends, the one in work first.

    Args:
        units: What is left of the lease, in the order of work.
        pace: Of its slot.
        usual_s: What a unit takes elsewhere.

    Returns:
        One for each unit; none when nothing is known of how long units take.
    """
    each_s = pace.seconds_per_unit if pace.seconds_per_unit is not None else usual_s
    if each_s is None:
        return []
    first_s = _left_s(pace, each_s)
    # A slot that takes longer at this unit than at any so far is hardly faster at the next.
    each_s = max(each_s, pace.elapsed_s)
    return [UnitEnd(unit, first_s + number * each_s) for number, unit in enumerate(units)]


def _left_s(pace: Pace, each_s: float) -> float:
    if pace.share_done is not None and pace.share_done > _TRUSTED_SHARE:
        return pace.elapsed_s * (1.0 - pace.share_done) / pace.share_done
    if pace.elapsed_s < each_s:
        return each_s - pace.elapsed_s
    # What has lasted longer than it should goes on for long.
    return max(pace.elapsed_s / 2, each_s * _LONG_GONE)


def worth_starting(end: UnitEnd, *, seconds_here: float) -> bool:
    """Whether a slot that begins a unit now should end it well before the one that has it."""
    return end.ends_in_s > seconds_here * (1.0 + WORTH_SHARE) + WORTH_S
