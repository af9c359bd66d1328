"""What is kept for a session that waits for many workers together."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest

from framefarm.core.holding_back import hold_for, lends
from framefarm.core.sessions import Session, assign

FOREVER_S = 1e9


def always(_session: int, _worker: str) -> bool:
    return True


def give(sessions: list[Session], free: list[str]) -> dict[str, int | None]:
    moves = assign(sessions, free, {}, works=always, suits=always)
    return {move.worker: move.target for move in moves}


def waiting(number: int = 1, wanted: int = 3, **more: float) -> Session:
    return replace(Session(number, wanted, waiting=True, remaining_s=60.0), **more)


LONG = Session(9, wanted=2, members=frozenset("xy"), remaining_s=200.0)
"""It ends after 100 seconds."""


def test_one_that_comes_later_gets_nothing_that_is_needed():
    later = Session(2, wanted=1, remaining_s=100.0)

    assert give([LONG, waiting(), later], ["a"]) == {}


def test_one_that_ends_in_time_may_borrow():
    later = Session(2, wanted=1, remaining_s=99.0)

    assert give([LONG, waiting(), later], ["a"]) == {"a": 2}


def test_two_together_end_in_time_and_one_alone_would_not():
    later = Session(2, wanted=2, waiting=True, remaining_s=150.0)

    assert give([LONG, waiting(wanted=4), later], ["a", "b"]) == {"a": 2, "b": 2}


def test_what_is_more_than_it_needs_is_for_anybody():
    later = [Session(number, wanted=1, remaining_s=FOREVER_S) for number in (2, 3)]

    # Two are there and two will be; three are needed.
    assert give([LONG, waiting(), *later], ["a", "b"]) == {"a": 2}


def test_older_ones_and_those_of_higher_priority_come_first():
    older = Session(0, wanted=1, remaining_s=FOREVER_S)
    urgent = Session(2, wanted=1, priority=51, remaining_s=FOREVER_S)

    assert give([older, LONG, waiting()], ["a"]) == {"a": 0}
    assert give([LONG, waiting(), urgent], ["a"]) == {"a": 2}


def test_one_that_would_grow_is_behind_one_that_has_nobody():
    grows = Session(0, wanted=9, members=frozenset("z"), remaining_s=FOREVER_S)

    assert give([grows, LONG, waiting()], ["a"]) == {}


def test_nothing_is_kept_for_one_that_asks_for_more_than_there_are():
    later = Session(2, wanted=1, remaining_s=FOREVER_S)

    assert give([LONG, waiting(wanted=4), later], ["a"]) == {"a": 2}


def test_nothing_is_kept_of_workers_that_it_cannot_use():
    later = Session(2, wanted=1, remaining_s=FOREVER_S)

    def works(session: int, worker: str) -> bool:
        return session != 1 or worker != "a"

    moves = assign([LONG, waiting(), later], ["a", "b"], {}, works=works, suits=works)

    assert {move.worker: move.target for move in moves} == {"a": 2}


def test_it_is_kept_for_the_first_of_those_that_wait():
    second = waiting(2, wanted=1, remaining_s=FOREVER_S)

    assert give([LONG, waiting(), second], ["a"]) == {}
    assert give([LONG, waiting(wanted=9), second], ["a"]) == {"a": 2}


@pytest.mark.parametrize(
    ("waited_s", "allowed"),
    [(0, True), (119, True), (120, False), (239, False), (240, True), (480, False), (960, True)],
)
def test_others_may_borrow_by_turns_each_twice_as_long(waited_s: float, allowed: bool):  # noqa: FBT001
    assert lends(waited_s) is allowed
    later = Session(2, wanted=1, remaining_s=1.0)

    assert give([LONG, waiting(waited_s=waited_s), later], ["a"]) == ({"a": 2} if allowed else {})


def test_it_is_promised_the_soonest_moment_at_which_there_are_enough():
    held = hold_for((0, 0.0, 1), 5, {"k"}, here=1, coming=[(9, 2), (5, 2), (7, 3)], waited_s=0)

    assert held is not None
    assert (held.until_s, held.extra) == (7, 1)
    assert hold_for((0, 0.0, 1), 9, {"k"}, here=1, coming=[(9, 2), (5, 2)], waited_s=0) is None


# --- a stream of small ones ---------------------------------------------------------------------

WORKERS = 8


@dataclass
class Stream:
    """A farm on which small sessions never end to come, and all look shorter than they are.

    Attributes:
        looks: How long a session seems to take, of what it takes.
    """

    looks: float
    random: random.Random
    now_s: float = 0.0
    asked_s: dict[int, float] = field(default_factory=dict)
    ends_s: dict[int, float] = field(default_factory=dict)
    sessions: dict[int, Session] = field(default_factory=dict)

    def step(self) -> None:
        """A second: some end, some come, and the free are given away."""
        self.now_s += 1.0
        for number in [n for n, ends_s in self.ends_s.items() if ends_s <= self.now_s]:
            del self.ends_s[number], self.sessions[number]
        while sum(not s.members for s in self.sessions.values()) < WORKERS:
            self.ask(self.random.randint(1, 2))
        self._assign()

    def ask(self, wanted: int, *, waits: bool = False) -> int:
        number = len(self.asked_s) + 1
        self.sessions[number] = Session(number, wanted, waiting=waits)
        self.asked_s[number] = self.now_s
        return number

    def _assign(self) -> None:
        sessions = [
            replace(
                one,
                waited_s=self.now_s - self.asked_s[one.id],
                remaining_s=self._left_s(one),
            )
            for one in self.sessions.values()
        ]
        members = {worker for one in sessions for worker in one.members}
        free = [f"w{n}" for n in range(WORKERS) if f"w{n}" not in members]
        for move in assign(sessions, free, {}, works=always, suits=always):
            assert move.target is not None
            old = self.sessions[move.target]
            self.sessions[old.id] = replace(old, members=old.members | {move.worker}, waiting=False)
            self.ends_s.setdefault(old.id, self.now_s + self.random.uniform(5.0, 60.0))

    def _left_s(self, session: Session) -> float:
        ends_s = self.ends_s.get(session.id, self.now_s + 30.0)
        return self.looks * (ends_s - self.now_s) * max(1, len(session.members))


@pytest.mark.parametrize("looks", [0.0, 0.1, 1.0, 10.0])
def test_one_that_needs_most_of_the_farm_begins_however_many_small_ones_come(looks: float):
    for seed in range(20):
        stream = Stream(looks, random.Random(seed))
        for _ in range(30):
            stream.step()
        big = stream.ask(WORKERS - 1, waits=True)

        while not stream.sessions[big].members:
            stream.step()
            # The longest small one takes a minute, and in minutes 2 to 4 nobody borrows.
            assert stream.now_s - stream.asked_s[big] <= 240.0
