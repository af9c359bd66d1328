"""Workers that are kept for a session which waits until it can have many together. Pure.

As batch systems do it (EASY backfill: Lifka, "The ANL/IBM SP scheduling system", 1995; Slurm's
`sched/backfill`): the first in the line that waits is promised what it needs, and those behind it
may have some of that only if they give it back in time, or if there is more than it needs.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from math import inf, log2

Turn = tuple[int, float, int]
"""Who comes first has the lower one."""

_FIRST_S = 60.0
"""Others may borrow for twice that, then nobody may for as long, and so on, each time doubled."""


@dataclass
class Hold:
    """What is kept for a session.

    Attributes:
        turn: Its place; who comes before it is not held back.
        kinds: Workers of these are kept.
        until_s: Who ends sooner may borrow of them.
        extra: So many there will be more than it needs.
    """

    turn: Turn
    kinds: Collection[Hashable]
    until_s: float
    extra: int

    def leaves(
        self, kinds: Collection[Hashable], turn: Turn, ends_s: float, count: int
    ) -> Collection[Hashable]:
        """Those of some kinds of which another session may have workers.

        Args:
            turn: That session's place.
            ends_s: When it would end with them.
            count: How many it takes.
        """
        if turn <= self.turn or ends_s < self.until_s or count <= self.extra:
            return kinds
        return [kind for kind in kinds if kind not in self.kinds]

    def note_taken(self, turn: Turn, ends_s: float, count: int) -> None:
        """Another session has taken workers that are kept."""
        if turn > self.turn and ends_s >= self.until_s:
            self.extra -= count


def hold_for(
    turn: Turn,
    needs: int,
    kinds: Collection[Hashable],
    *,
    here: int,
    coming: Iterable[tuple[float, int]],
    waited_s: float,
) -> Hold | None:
    """Keep what a session needs that waits.

    Args:
        turn: Its place.
        needs: How many workers it waits for.
        kinds: Those that it can use.
        here: How many of them are free.
        coming: When others will be, and how many.
        waited_s: For how long it has waited.

    Returns:
        None where there are not so many: nothing is kept in vain.
    """
    until_s, there = 0.0, here
    for ends_s, count in sorted(coming):
        if there >= needs:
            break
        until_s, there = ends_s, there + count
    if there < needs:
        return None
    return Hold(turn, kinds, until_s if lends(waited_s) else -inf, there - needs)


def lends(waited_s: float) -> bool:
    """Whether others may borrow what is kept for a session that has waited so long.

    When they give it back is an estimate, and they may all be wrong in the same way. So there are
    times in which nobody may, each as long as all before together: whoever has borrowed is through
    in one of them.
    """
    return int(log2(max(waited_s, _FIRST_S) / _FIRST_S)) % 2 == 0
