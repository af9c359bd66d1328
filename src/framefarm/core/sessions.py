"""Which workers go to which session: the workers that a job asked for. Pure.

A session is given workers that are in none, and those of other sessions for whom their own job has
nothing just now. Whoever gains most is served first, so that the farm is done soonest.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

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
    """

    id: int
    wanted: int
    members: frozenset[str] = frozenset()
    waiting: bool = False
    priority: int = 50
    remaining_s: float = 0.0


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
) -> list[Move]:
    """Give workers to the sessions that lack some.

    A job that has work for a worker comes before one that may have some later; then priority, then
    the gain, then age. A session that waits gets all that it lacks or none, so that two of them
    never hold each other's workers.

    Args:
        sessions: Those that have not ended.
        free: Workers in none, those to be taken first in front.
        idle: Workers that have nothing in work for their own session, which is the value.
        works: Whether a session's job has a unit for a worker now.
        suits: Whether it may have one some time.

    Returns:
        What changes. Nobody is in two sessions, and no session has more than it wanted.
    """
    spare = {worker: own for worker, own in idle.items() if not works(own, worker)}
    giving = _Giving(sessions, spare)
    giving.serve([*free, *spare], works)
    # Only for places that nobody has: one that has nothing to do is no better than another.
    giving.count_spare()
    giving.serve(free, suits)
    return giving.moves()


@dataclass
class _Giving:
    """Workers on their way into sessions.

    Attributes:
        spare: Workers whose own session has nothing for them.
        given: Where each worker goes.
    """

    sessions: Sequence[Session]
    spare: Mapping[str, int]
    given: dict[str, int] = field(default_factory=dict)
    _useful: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for session in self.sessions:
            useful = sum(self.spare.get(one) != session.id for one in session.members)
            self._useful[session.id] = useful

    def count_spare(self) -> None:
        """Count members with nothing to do as well, those that stay."""
        for session in self.sessions:
            stay = [one for one in session.members if one not in self.given]
            came = sum(target == session.id for target in self.given.values())
            self._useful[session.id] = min(session.wanted, len(stay) + came)

    def serve(self, workers: Sequence[str], use: Use) -> None:
        """Give workers to the sessions that have use for them, who gains most first."""
        by_id = {one.id: one for one in self.sessions if self._lacks(one)}
        looking = {one.id: self._taken(one, workers, use) for one in by_id.values()}
        turns = [self._turn(one) for one in by_id.values()]
        heapq.heapify(turns)
        while turns:
            session = by_id[heapq.heappop(turns)[-1]]
            if self._give(session, looking[session.id]) and self._lacks(session):
                heapq.heappush(turns, self._turn(session))

    def moves(self) -> list[Move]:
        """What changes; first who leaves, so that there is room for who comes."""
        came = [Move(one, self.spare.get(one), target) for one, target in self.given.items()]
        return [*self._too_many(), *came]

    def _turn(self, session: Session) -> tuple[int, float, int]:
        gain = gain_s(session.remaining_s, self._useful[session.id])
        return -session.priority, -gain, session.id

    def _lacks(self, session: Session) -> int:
        return max(0, session.wanted - self._useful[session.id])

    def _taken(self, session: Session, workers: Sequence[str], use: Use) -> Iterator[str]:
        """Those of some workers that a session may have; each is looked at once."""
        for worker in workers:
            own = self.spare.get(worker) == session.id
            if worker not in self.given and not own and use(session.id, worker):
                yield worker

    def _give(self, session: Session, workers: Iterator[str]) -> bool:
        """Give it the next worker, or all it lacks if it waits for that; False if there is none."""
        needs = self._lacks(session) if session.waiting else 1
        found = [worker for _, worker in zip(range(needs), workers, strict=False)]
        if len(found) < needs:
            return False
        self.given.update(dict.fromkeys(found, session.id))
        self._useful[session.id] += len(found)
        return True

    def _too_many(self) -> Iterator[Move]:
        """Members with nothing to do who make room for others with something."""
        for session in self.sessions:
            stay = [one for one in sorted(session.members) if one not in self.given]
            idle = [one for one in stay if self.spare.get(one) == session.id]
            came = sum(target == session.id for target in self.given.values())
            for worker in idle[: max(0, len(stay) + came - session.wanted)]:
                yield Move(worker, session.id, None)
