from __future__ import annotations

import pytest

from framefarm.core.lifecycle import diagram
from framefarm.core.states import (
    JOB,
    LEASE,
    LIFECYCLES,
    STAGE,
    UNIT,
    WORKER,
    IllegalMoveError,
    JobEvent,
    JobState,
    LeaseEvent,
    LeaseState,
    UnitEvent,
    UnitState,
    WorkerEvent,
    WorkerState,
    advance,
)

every_table = pytest.mark.parametrize("table", LIFECYCLES, ids=lambda table: table.name)


def reachable(table) -> set[str]:
    found, fresh = {table.start}, [table.start]
    while fresh:
        state = fresh.pop()
        for event in table.allowed(state):
            follows = advance(table, state, event)
            if follows not in found:
                found.add(follows)
                fresh.append(follows)
    return found


@every_table
def test_every_state_can_be_reached_and_every_event_happens(table):
    assert reachable(table) == set(type(table.start))
    events = {event for _, event in table.moves}
    assert events == set(type(next(iter(events))))


@every_table
def test_a_pair_outside_the_table_raises_and_names_what_is_allowed(table):
    events = type(next(event for _, event in table.moves))
    for state in type(table.start):
        for event in events:
            if (state, event) in table.moves:
                assert advance(table, state, event) in type(table.start)
                assert event in table.allowed(state)
                assert state in table.sources(event)
                continue
            with pytest.raises(IllegalMoveError) as refusal:
                advance(table, state, event)
            assert (refusal.value.state, refusal.value.event) == (state, event)
            told = str(refusal.value).partition("possible now: ")[2]
            asked_for = table.asked_for or set(events)
            assert all((one in told) == (one in asked_for) for one in table.allowed(state))


@pytest.mark.parametrize(
    ("table", "final"),
    [
        (JOB, set()),
        (STAGE, set()),
        (UNIT, set()),
        (LEASE, set(LeaseState) - {LeaseState.ACTIVE}),
        (WORKER, set()),
    ],
)
def test_only_these_states_are_final(table, final):
    assert {state for state in type(table.start) if table.is_final(state)} == final


@pytest.mark.parametrize("state", [UnitState.PENDING, UnitState.LEASED, UnitState.FAILED])
def test_l4_a_success_counts_while_the_unit_has_no_result(state):
    assert advance(UNIT, state, UnitEvent.FINISH) == UnitState.DONE


@pytest.mark.parametrize("event", [event for event in UnitEvent if event is not UnitEvent.RETRY])
def test_l4_only_a_person_undoes_a_result(event):
    with pytest.raises(IllegalMoveError):
        advance(UNIT, UnitState.DONE, event)


@pytest.mark.parametrize("event", [LeaseEvent.RENEW, LeaseEvent.FAIL, LeaseEvent.RELEASE])
def test_l4_an_expired_lease_has_no_say(event):
    with pytest.raises(IllegalMoveError, match="A lease that is expired allows no"):
        advance(LEASE, LeaseState.EXPIRED, event)


def test_l8_a_busy_worker_that_returns_stays_busy():
    assert advance(WORKER, WorkerState.BUSY, WorkerEvent.CONNECT) == WorkerState.BUSY
    assert advance(WORKER, WorkerState.BUSY, WorkerEvent.RESTART) == WorkerState.IDLE


@pytest.mark.parametrize("state", [WorkerState.DISABLED, WorkerState.QUARANTINED])
def test_a_barred_worker_gets_no_work_by_coming_back(state):
    assert advance(WORKER, state, WorkerEvent.CONNECT) == state
    assert advance(WORKER, state, WorkerEvent.RESTART) == state
    with pytest.raises(IllegalMoveError):
        advance(WORKER, state, WorkerEvent.TAKE)


def test_what_is_refused_is_named_where_that_is_known():
    with pytest.raises(IllegalMoveError, match="Job 3 is done and allows no pause"):
        advance(JOB, JobState.DONE, JobEvent.PAUSE, which="job 3")


def test_an_error_names_what_people_can_ask_for():
    with pytest.raises(IllegalMoveError, match=r"possible now: cancel, pause\."):
        advance(JOB, JobState.RUNNING, JobEvent.RETRY)
    with pytest.raises(IllegalMoveError, match=r"possible now: cancel, resume\."):
        advance(JOB, JobState.PAUSED, JobEvent.START)
    with pytest.raises(IllegalMoveError, match=r"possible now: nothing\."):
        advance(LEASE, LeaseState.EXPIRED, LeaseEvent.RENEW)


def test_a_paused_job_starts_only_after_it_is_resumed():
    with pytest.raises(IllegalMoveError, match="A job that is paused allows no start"):
        advance(JOB, JobState.PAUSED, JobEvent.START)
    assert advance(JOB, JobState.PAUSED, JobEvent.RESUME) == JobState.QUEUED


def test_plain_words_from_the_database_work_as_states():
    assert JOB.moves["queued", "start"] == "running"  # type: ignore[index]


def test_the_diagram_shows_every_move_and_the_final_states():
    text = diagram(JOB)

    assert text.startswith("stateDiagram-v2\n    [*] --> queued\n")
    assert "    queued --> running: start\n" in text
    assert "    expired --> [*]\n" in diagram(LEASE)
    assert sum(line.count(",") + 1 for line in text.splitlines() if ": " in line) == len(JOB.moves)
