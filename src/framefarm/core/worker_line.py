"""Workers in the order in which they are taken, told apart only by their kind. Pure."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable


class Line:
    """Workers that nobody has taken yet.

    What it costs to choose among them goes by their kinds, of which five thousand machines may have
    but a few.

    Args:
        workers: Those to be taken first in front.
        kind: What some of them have in common.
    """

    def __init__(self, workers: Iterable[str], kind: Callable[[str], Hashable]) -> None:
        self._by_kind: dict[Hashable, deque[tuple[int, str]]] = {}
        for place, worker in enumerate(workers):
            self._by_kind.setdefault(kind(worker), deque()).append((place, worker))

    def samples(self) -> dict[Hashable, str]:
        """One worker of each kind that there is."""
        return {kind: workers[0][1] for kind, workers in self._by_kind.items() if workers}

    def count(self, kinds: Collection[Hashable]) -> int:
        """How many there are of some kinds."""
        return sum(len(self._by_kind.get(kind, ())) for kind in kinds)

    def take(self, kinds: Collection[Hashable], count: int) -> list[str]:
        """The first of some kinds, none where they are fewer than so many."""
        if self.count(kinds) < count:
            return []
        fronts = [(*self._by_kind[kind][0], kind) for kind in kinds if self._by_kind.get(kind)]
        heads = [(place, number) for number, (place, _, _) in enumerate(fronts)]
        heapq.heapify(heads)
        taken: list[str] = []
        while len(taken) < count:
            _, number = heapq.heappop(heads)
            workers = self._by_kind[fronts[number][-1]]
            taken.append(workers.popleft()[1])
            if workers:
                heapq.heappush(heads, (workers[0][0], number))
        return taken
