"""Who may hold a connection: how many strangers, per address and in all (L14). Pure.

A stranger is a connection that has not shown whose it is: no request with a worker's key, no
hello that was welcomed. Strangers are limited per address, so that one machine cannot keep the
others out, and in all. Nobody is turned away at the limit: the stranger that has kept the manager
waiting longest gives way. Somebody who has something to say needs a millisecond for it, so it is
the idle and the slow ones that go.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from framefarm.farm.settings import ConnectionLimits

_SOONEST_TURN_S = 0.5
_LATEST_TURN_S = 60.0
_COMES_WITHIN = 1.25
"""Workers wait for up to a quarter longer than they are told, so that they do not come at once."""
_KNOCKS_WITHIN_S = 1.0


@dataclass(eq=False, slots=True)
class Visit:
    """One connection's place.

    Attributes:
        address: Of the peer, without its port.
        give_way: Closes the connection.
        inside: It is counted.
        known: It has shown whose it is.
        busy: A request of it is being answered, or it is being greeted; such a stranger is never
            asked to give way.
        greeting: It is a worker's, between opening its WebSocket and the welcome.
        gone: It has left.
    """

    address: str
    give_way: Callable[[], object]
    inside: bool = False
    known: bool = False
    busy: bool = False
    greeting: bool = False
    gone: bool = False


_LOOK_EVERY_S = 1.0
_STALE_S = 5.0
_HOPE = 2.0


class Rate:
    """How many workers to tell to come each second, while there are more than can be taken in.

    Twice as many as were taken in lately, so that the number rises when it can; whoever comes too
    early is told again, which costs little. Never fewer than assumed: those that come at the same
    time are told within a few seconds, in which refusing is all that the manager gets to do, and a
    number measured then would keep them waiting for a minute.

    Args:
        assumed_per_s: The least.
    """

    def __init__(self, assumed_per_s: float) -> None:
        self._assumed_per_s = assumed_per_s
        self._per_s = assumed_per_s
        self._counted = 0
        self._since = 0.0

    def count(self) -> None:
        """One was taken in."""
        self._counted += 1

    def per_s(self, now: float) -> float:
        """How many turns to give for each second; asked whenever there is no room."""
        passed_s = now - self._since
        if passed_s > _STALE_S:
            # There was room all the while, so what came tells nothing.
            self._per_s = self._assumed_per_s
        elif passed_s >= _LOOK_EVERY_S:
            self._per_s = max(self._assumed_per_s, _HOPE * self._counted / passed_s)
        else:
            return self._per_s
        self._counted, self._since = 0, now
        return self._per_s


class Gate:
    """Counts connections and says who has to go.

    Args:
        limits: How many strangers.
        most: Connections in all, known ones included; what the process's file limit has room for.
        told_to_wait: Told by when somebody who found no room may have come again.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        *,
        most: int,
        told_to_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._limits = limits
        self._most = most
        self._told_to_wait = told_to_wait
        self._visits = 0
        self._strangers = 0
        self._waiting: dict[str, dict[Visit, None]] = {}
        self._busy: dict[str, int] = {}
        self._greeting: Counter[str] = Counter()
        self._next_turn_at = 0.0
        self._rate = Rate(limits.greetings_per_s)

    @property
    def strangers(self) -> int:
        """Connections that have not shown whose they are."""
        return self._strangers

    def enter(self, visit: Visit) -> Visit | None:
        """Take in a new connection, a stranger's, unless it is counted already.

        Returns:
            Whom to ask to give way; the new one itself where nobody else can.
        """
        if visit.inside:
            return None
        visit.inside = True
        self._visits += 1
        self._strangers += 1
        here = self._waiting.setdefault(visit.address, {})
        here[visit] = None
        if len(here) + self._busy.get(visit.address, 0) > self._limits.strangers_per_address:
            return next(iter(here))
        if self._strangers > self._limits.strangers or self._visits > self._most:
            return self._oldest_of_the_largest()
        return None

    def _oldest_of_the_largest(self) -> Visit:
        largest = max(self._waiting.values(), key=len)
        return next(iter(largest))

    def leave(self, visit: Visit) -> None:
        """A connection has ended."""
        if visit.gone or not visit.inside:
            return
        visit.gone = True
        self._visits -= 1
        self._end_greeting(visit)
        if not visit.known:
            self._forget(visit)

    def recognise(self, visit: Visit) -> None:
        """A connection has shown whose it is."""
        if visit.greeting:
            self._rate.count()
        self._end_greeting(visit)
        if not visit.known and not visit.gone:
            self._forget(visit)
            visit.known = True

    def greet(self, visit: Visit, now: float) -> float | None:
        """A worker wants to open its WebSocket, which costs the manager far more than an answer.

        After a restart all workers of a farm come at once. Those that find no room are given turns
        one after the other, so that they come again as fast as they can be taken in and no faster.

        Args:
            visit: Its connection.
            now: Seconds of a clock that only rises.

        Returns:
            None to let it in, else the seconds after which it is its turn.
        """
        if self.crowded(visit.address):
            return self.turn(now)
        # Work was spent on it already, and of those being greeted there are few; in a storm of ten
        # thousand they were thrown out for others that had not said a word.
        self.begin(visit)
        self._begin_greeting(visit)
        return None

    def crowded(self, address: str) -> bool:
        """Whether there is no room for one more worker to be greeted, from this address."""
        most = self._limits.greetings
        return self._greeting.total() >= most or self._greeting[address] >= max(1, most // 2)

    def turn(self, now: float) -> float:
        """Seconds after which it is the turn of one more that finds no room."""
        turn_at = max(self._next_turn_at, now + _SOONEST_TURN_S)
        next_turn_at = turn_at + 1 / self._rate.per_s(now)
        self._next_turn_at = min(next_turn_at, now + _LATEST_TURN_S)
        # It is told in whole seconds.
        wait_s = math.ceil(turn_at - now)
        self._told_to_wait(now + wait_s * _COMES_WITHIN + _KNOCKS_WITHIN_S)
        return turn_at - now

    def begin(self, visit: Visit) -> None:
        """A request's head is complete: it is being answered."""
        if visit.busy or visit.gone:
            return
        visit.busy = True
        if not visit.known:
            self._remove_waiting(visit)
            self._busy[visit.address] = self._busy.get(visit.address, 0) + 1

    def end(self, visit: Visit) -> None:
        """A request is answered: the next one is waited for."""
        if not visit.busy or visit.gone:
            return
        visit.busy = False
        if not visit.known:
            self._remove_busy(visit)
            self._waiting.setdefault(visit.address, {})[visit] = None

    def _begin_greeting(self, visit: Visit) -> None:
        if not visit.greeting and not visit.gone:
            visit.greeting = True
            self._greeting[visit.address] += 1

    def _end_greeting(self, visit: Visit) -> None:
        if visit.greeting:
            visit.greeting = False
            self._greeting[visit.address] -= 1
            if not self._greeting[visit.address]:
                del self._greeting[visit.address]

    def _forget(self, visit: Visit) -> None:
        self._strangers -= 1
        if visit.busy:
            self._remove_busy(visit)
        else:
            self._remove_waiting(visit)

    def _remove_waiting(self, visit: Visit) -> None:
        here = self._waiting[visit.address]
        del here[visit]
        if not here:
            del self._waiting[visit.address]

    def _remove_busy(self, visit: Visit) -> None:
        left = self._busy[visit.address] - 1
        if left:
            self._busy[visit.address] = left
        else:
            del self._busy[visit.address]


def many_come(wait_s: float) -> str:
    """What a worker is told that finds no room."""
    return f"Many workers come at once; try again in {math.ceil(wait_s)} s."


def admit(gate: Gate, visit: Visit) -> None:
    """Take in a connection, and let another one give way for it where there is no room."""
    leaves = gate.enter(visit)
    if leaves is not None:
        leaves.give_way()
