"""Which workers go to which session: the workers that a job asked for. Pure.

A session is given workers that are in none, and those of other sessions for whom their own job has
nothing just now. Whoever gains most is served first, so that the farm is done soonest. What one
needs that waits for many workers together is kept for it (`framefarm.core.holding_back`).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf

from framefarm.core.holding_back import Hold, Turn, hold_for
from framefarm.core.worker_line import Line

Use = Callable[[int, str], bool]
"""Whether a session, by its id, has use for a worker."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a job asked for, and what it has.

    Attributes:
        wanted: How many workers it asked for in all.
        members: Those it has.
        waiting: Whether it takes all of them at once or none.
        priority: Of its job.
        remaining_s: How long one worker alone would need for what is left of the job.
        waited_s: How long ago it was asked for.
    """

    id: int
    wanted: int
    members: frozenset[str] = frozenset()
    waiting: bool = False
    priority: int = 50
    remaining_s: float = 0.0
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Move:
    """A worker goes from one session to another; None stands for the farm at large."""

    worker: str
    origin: int | None
    target: int | None


def gain_s(remaining_s: float, workers: int) -> float:
    """By how much sooner a job ends with one worker more; without any it never does."""
    return inf if workers == 0 else remaining_s / (workers * (workers + 1))


def assign(
    sessions: Sequence[Session],
    free: Sequence[str],
    idle: Mapping[str, int],
    *,
    works: Use,
    suits: Use,
    kind: Callable[[str], Hashable] = str,
) -> list[Move]:
    """Give workers to the sessions that lack some.

    A job that has work for a worker comes before one that may have some later; then priority, then
    the gain, then age. A session that waits gets all that it lacks or none, so that two of them
    never hold each other's workers. What the first that waits needs is kept from those behind it,
    unless they would give it back in time.

    Args:
        sessions: Those that have not ended.
        free: Workers in none, those to be taken first in front.
        idle: Workers that have nothing in work for their own session, which is the value.
        works: Whether a session's job has a unit for a worker now.
        suits: Whether it may have one some time.
        kind: Something that workers share about whom both always answer alike.

    Returns:
        What changes. Nobody is in two sessions, and no session has more than it wanted.
    """
    spare = {worker: own for worker, own in idle.items() if not works(own, worker)}
    giving = _Giving(sessions, free, spare, kind)
    giving.serve([*free, *spare], works, holds=True)
    # Only for places that nobody has: one that has nothing to do is no better than another.
    giving.count_spare()
    giving.serve(free, suits, holds=False)
    return giving.moves()


@dataclass
class _Giving:
    """Workers on their way into sessions.

    Attributes:
        spare: Workers whose own session has nothing for them.
        given: Where each worker goes.
    """

    sessions: Sequence[Session]
    free: Sequence[str]
    spare: Mapping[str, int]
    kind: Callable[[str], Hashable]
    given: dict[str, int] = field(default_factory=dict)
    _useful: dict[int, int] = field(default_factory=dict)
    _hold: Hold | None = None

    def __post_init__(self) -> None:
        for session in self.sessions:
            useful = sum(self.spare.get(one) != session.id for one in session.members)
            self._useful[session.id] = useful

    def count_spare(self) -> None:
        """Count members with nothing to do as well, those that stay."""
        came = Counter(self.given.values())
        for session in self.sessions:
            stay = sum(one not in self.given for one in session.members)
            self._useful[session.id] = min(session.wanted, stay + came[session.id])

    def serve(self, workers: Sequence[str], use: Use, *, holds: bool) -> None:
        """Give workers to the sessions that have use for them, who gains most first.

        Args:
            holds: Whether to keep what the first session needs that waits in vain.
        """
        line = Line((one for one in workers if one not in self.given), self.kind)
        samples = line.samples()
        by_id = {one.id: one for one in self.sessions if self._lacks(one)}
        turns = [self._turn(one) for one in by_id.values()]
        heapq.heapify(turns)
        fitting: dict[int, list[Hashable]] = {}
        while turns:
            session = by_id[heapq.heappop(turns)[-1]]
            if session.id not in fitting:
                fitting[session.id] = [k for k, one in samples.items() if use(session.id, one)]
            if self._give(session, line, fitting[session.id]):
                if self._lacks(session):
                    heapq.heappush(turns, self._turn(session))
            elif holds and session.waiting and self._hold is None:
                self._hold = self._hold_for(session, line, use)

    def moves(self) -> list[Move]:
        """What changes; first who leaves, so that there is room for who comes."""
        came = [Move(one, self.spare.get(one), target) for one, target in self.given.items()]
        return [*self._too_many(), *came]

    def _turn(self, session: Session) -> Turn:
        gain = gain_s(session.remaining_s, self._useful[session.id])
        return -session.priority, -gain, session.id

    def _lacks(self, session: Session) -> int:
        return max(0, session.wanted - self._useful[session.id])

    def _ends_s(self, session: Session, more: int = 0) -> float:
        return session.remaining_s / max(1, self._useful[session.id] + more)

    def _give(self, session: Session, line: Line, kinds: Collection[Hashable]) -> bool:
        """Give it the next worker, or all it lacks if it waits for that; False if there is none."""
        needs = self._lacks(session) if session.waiting else 1
        turn, ends_s = self._turn(session), self._ends_s(session, needs)
        if self._hold is not None:
            kinds = self._hold.leaves(kinds, turn, ends_s, needs)
        found = line.take(kinds, needs)
        if not found:
            return False
        if self._hold is not None:
            kept = sum(self.kind(one) in self._hold.kinds for one in found)
            self._hold.note_taken(turn, ends_s, kept)
        self.given.update(dict.fromkeys(found, session.id))
        self._useful[session.id] += len(found)
        return True

    def _hold_for(self, session: Session, line: Line, use: Use) -> Hold | None:
        """Keep what a session needs, unless there will never be so many."""
        kinds = {kind for kind, (one, _) in self._all.items() if use(session.id, one)}
        needs = self._lacks(session)
        if sum(self._all[kind][1] for kind in kinds) < needs:
            return None
        at_work = {one.id: one.members - self.spare.keys() for one in self.sessions}
        for worker, target in self.given.items():
            at_work[target] |= {worker}
        coming = [
            (self._ends_s(one), sum(self.kind(worker) in kinds for worker in at_work[one.id]))
            for one in self.sessions
        ]
        turn, here = self._turn(session), line.count(kinds)
        return hold_for(turn, needs, kinds, here=here, coming=coming, waited_s=session.waited_s)

    @cached_property
    def _all(self) -> dict[Hashable, tuple[str, int]]:
        """Of each kind of worker one, and how many there are."""
        found: dict[Hashable, tuple[str, int]] = {}
        for worker in (*self.free, *(one for session in self.sessions for one in session.members)):
            kind = self.kind(worker)
            found[kind] = (worker, found.get(kind, ("", 0))[1] + 1)
        return found

    def _too_many(self) -> Iterator[Move]:
        """Members with nothing to do who make room for others with something."""
        came = Counter(self.given.values())
        for session in self.sessions:
            stay = [one for one in sorted(session.members) if one not in self.given]
            idle = [one for one in stay if self.spare.get(one) == session.id]
            for worker in idle[: max(0, len(stay) + came[session.id] - session.wanted)]:
                yield Move(worker, session.id, None)
