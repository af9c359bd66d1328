"""Which workers go to which session, decided on values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.sessions import Move, Session, assign, gain_s


def always(_session: int, _worker: str) -> bool:
    return True


def never(_session: int, _worker: str) -> bool:
    return False


def joined(moves: list[Move]) -> dict[str, int | None]:
    return {move.worker: move.target for move in moves}


def give(
    sessions: list[Session], free: list[str], idle: Mapping[str, int] | None = None
) -> dict[str, int | None]:
    return joined(assign(sessions, free, idle or {}, works=always, suits=always))


def test_one_that_is_freed_goes_to_the_job_that_gains_most():
    long = Session(1, wanted=9, members=frozenset("ab"), remaining_s=1_000.0)
    short = Session(2, wanted=9, members=frozenset("cd"), remaining_s=10.0)
    crowded = Session(3, wanted=9, members=frozenset("efghi"), remaining_s=1_000.0)

    assert give([short, crowded, long], ["w"]) == {"w": 1}


def test_a_job_that_has_nobody_gains_more_than_any_other():
    long = Session(1, wanted=9, members=frozenset("a"), remaining_s=1e9)

    assert give([long, Session(2, wanted=1, remaining_s=1.0)], ["w"]) == {"w": 2}


def test_priority_comes_before_the_gain():
    long = Session(1, wanted=9, remaining_s=1e9)
    urgent = Session(2, wanted=1, priority=51, members=frozenset(), remaining_s=1.0)

    assert give([long, urgent], ["w"]) == {"w": 2}


def test_of_equals_the_older_comes_first():
    assert give([Session(2, wanted=1), Session(1, wanted=1)], ["w"]) == {"w": 1}


def test_one_that_nobody_lacks_stays_free():
    full = Session(1, wanted=2, members=frozenset("ab"), remaining_s=1e9)

    assert give([full], ["w"]) == {}


def test_one_for_whom_its_job_has_nothing_goes_where_there_is_something():
    ending = Session(1, wanted=2, members=frozenset("ab"))
    other = Session(2, wanted=1, remaining_s=9.0)

    moves = assign(
        [ending, other], [], {"a": 1, "b": 1}, works=lambda s, w: (s, w) != (1, "a"), suits=always
    )

    assert moves == [Move("a", 1, 2)]


def test_one_for_whom_its_job_has_something_stays():
    assert give([Session(1, 1, frozenset("a")), Session(2, 1)], [], {"a": 1}) == {}


def test_one_that_can_do_what_is_left_replaces_one_that_cannot():
    session = Session(1, wanted=1, members=frozenset("a"))

    moves = assign([session], ["b"], {"a": 1}, works=lambda _, w: w == "b", suits=always)

    assert moves == [Move("a", 1, None), Move("b", None, 1)]


def test_those_that_have_nothing_to_do_are_not_exchanged_for_ever():
    paused = Session(1, wanted=2, members=frozenset("ab"))

    assert assign([paused], ["c", "d"], {"a": 1, "b": 1}, works=never, suits=always) == []


def test_a_free_worker_is_kept_for_a_job_that_may_have_something_later():
    paused, working = Session(1, wanted=1), Session(2, wanted=1)
    works = {(2, "a"), (2, "b")}

    moves = assign([paused, working], ["a", "b"], {}, works=lambda *it: it in works, suits=always)

    assert joined(moves) == {"a": 2, "b": 1}


def test_a_session_that_waits_gets_all_or_none():
    waiting = Session(1, wanted=3, waiting=True, priority=90)

    assert give([waiting], ["a", "b"]) == {}
    assert give([waiting], ["a", "b", "c", "d"]) == {"a": 1, "b": 1, "c": 1}


def test_two_sessions_that_wait_never_hold_each_others_workers():
    two = [Session(1, wanted=3, waiting=True), Session(2, wanted=3, waiting=True)]

    assert give(two, ["a", "b", "c", "d"]) == {"a": 1, "b": 1, "c": 1}


def test_a_session_that_waits_in_vain_keeps_no_worker_from_others():
    waiting = Session(1, wanted=5, waiting=True, priority=90)

    assert give([waiting, Session(2, wanted=2)], ["a", "b"]) == {"a": 2, "b": 2}


@dataclass
class Case:
    sessions: list[Session]
    free: list[str]
    idle: dict[str, int]
    works: set[tuple[int, str]]

    def works_for(self, session: int, worker: str) -> bool:
        return (session, worker) in self.works


@st.composite
def cases(draw: st.DrawFn) -> Case:
    workers = [f"w{n}" for n in range(draw(st.integers(0, 9)))]
    count = draw(st.integers(1, 4))
    place = {w: draw(st.integers(0, count)) for w in workers}
    sessions = []
    for number in range(1, count + 1):
        members = frozenset(w for w in workers if place[w] == number)
        waiting = not members and draw(st.booleans())
        sessions.append(
            Session(
                number,
                wanted=draw(st.integers(max(1, len(members)), 9)),
                members=members,
                waiting=waiting,
                priority=draw(st.sampled_from([50, 60])),
                remaining_s=draw(st.floats(0, 1e6)),
            )
        )
    pairs = [(s.id, w) for s in sessions for w in workers]
    works = draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    idle = {w: place[w] for w in workers if place[w] and draw(st.booleans())}
    return Case(sessions, [w for w in workers if not place[w]], idle, works)


def after(case: Case, moves: list[Move]) -> dict[str, int | None]:
    """Where everybody is in the end; each move begins where its worker was."""
    place: dict[str, int | None] = dict.fromkeys(case.free)
    place.update({w: s.id for s in case.sessions for w in s.members})
    for move in moves:
        assert place[move.worker] == move.origin
        place[move.worker] = move.target
    return place


@given(cases())
def test_nobody_is_in_two_and_no_session_has_more_than_it_asked_for(case: Case):
    moves = assign(case.sessions, case.free, case.idle, works=case.works_for, suits=always)

    assert len({move.worker for move in moves}) == len(moves)
    place = after(case, moves)
    for session in case.sessions:
        assert list(place.values()).count(session.id) <= session.wanted


@given(cases())
def test_who_has_work_is_left_in_peace_and_who_leaves_had_none(case: Case):
    for move in assign(case.sessions, case.free, case.idle, works=case.works_for, suits=always):
        if move.origin is not None:
            assert case.idle[move.worker] == move.origin
            assert (move.origin, move.worker) not in case.works


@given(cases())
def test_nobody_stays_away_from_a_job_that_lacks_workers_and_has_work_for_it(case: Case):
    # What is kept for one that waits is another matter, see test_holding_back.
    case.sessions = [s for s in case.sessions if not s.waiting]
    moves = assign(case.sessions, case.free, case.idle, works=case.works_for, suits=never)

    place = after(case, moves)
    useful = {
        s.id: sum(
            at == s.id and not (case.idle.get(w) == at and (s.id, w) not in case.works)
            for w, at in place.items()
        )
        for s in case.sessions
    }
    for worker, at in place.items():
        if at is None:
            for session in case.sessions:
                could = (session.id, worker) in case.works
                assert not (could and useful[session.id] < session.wanted)


@given(cases())
def test_a_single_freed_worker_goes_to_the_highest_gain_of_the_highest_priority(case: Case):
    sessions = [s for s in case.sessions if not s.waiting]
    moves = assign(sessions, ["freed"], {}, works=always, suits=always)

    lacking = [s for s in sessions if len(s.members) < s.wanted]
    if not lacking:
        assert moves == []
        return
    [move] = moves
    [chosen] = [s for s in sessions if s.id == move.target]
    best = max((s.priority, gain_s(s.remaining_s, len(s.members))) for s in lacking)
    assert (chosen.priority, gain_s(chosen.remaining_s, len(chosen.members))) == best


@given(cases())
def test_workers_of_a_kind_are_given_away_as_if_each_were_its_own(case: Case):
    """A kind here: for whom they have work, and whose they are."""

    def kind(worker: str) -> tuple[object, ...]:
        return tuple((s.id, worker) in case.works for s in case.sessions)

    asked = {"works": case.works_for, "suits": case.works_for}
    alone = assign(case.sessions, case.free, case.idle, **asked)

    assert assign(case.sessions, case.free, case.idle, **asked, kind=kind) == alone


@given(cases())
def test_while_nothing_else_happens_everybody_soon_stays_where_they_are(case: Case):
    for _ in range(len(case.sessions) + 2):
        moves = assign(case.sessions, case.free, case.idle, works=case.works_for, suits=always)
        if not moves:
            return
        case = _then(case, moves)
    raise AssertionError(moves)


def _then(case: Case, moves: list[Move]) -> Case:
    """The same when everybody has gone where they were sent, and does nothing yet."""
    place, served = after(case, moves), {move.target for move in moves}
    sessions = [
        replace(
            s,
            members=frozenset(w for w, at in place.items() if at == s.id),
            waiting=s.waiting and s.id not in served,
        )
        for s in case.sessions
    ]
    moved = {move.worker: move.target for move in moves if move.target is not None}
    idle = {**{w: s for w, s in case.idle.items() if place[w] == s}, **moved}
    return Case(sessions, [w for w, at in place.items() if at is None], idle, case.works)
