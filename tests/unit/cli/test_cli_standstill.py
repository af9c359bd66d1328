"""Telling that a job waits for a worker that will not come."""

from __future__ import annotations

import pytest

from framefarm.cli.standstill import Lookout, standstill
from framefarm.client.errors import FarmUnreachableError
from framefarm.client.views import Why, WorkerReason
from tests.unit.cli.jobs import ended, job

STUCK = Why(
    job=7,
    answer="No worker works on job 7.",
    stuck=True,
    workers=(
        WorkerReason("gone", "offline", reasons=("it is not connected",)),
        WorkerReason("here", "idle", reasons=("it lacks the tag big",)),
    ),
)


class Manager:
    """Answers with what it was given, and counts."""

    def __init__(self, why: Why | Exception) -> None:
        self.answer = why
        self.asked = 0

    def why(self, job: int) -> Why:
        assert job == 7
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_reason_of_a_worker_that_is_there_is_told_with_the_command_that_tells_more():
    told = standstill(Manager(STUCK), job(), there=" --url http://a:1")

    assert "no worker will do it. here: it lacks the tag big" in told
    assert told.endswith("framefarm why 7 --url http://a:1")


def test_a_farm_without_workers_is_told_in_the_managers_words():
    empty = Why(job=7, answer="No worker has ever joined.", stuck=True)

    assert "No worker has ever joined." in standstill(Manager(empty), job())


@pytest.mark.parametrize("view", [ended(), job(state="paused")])
def test_what_does_not_wait_is_not_asked_about(view):
    manager = Manager(STUCK)

    assert standstill(manager, view) == ""
    assert manager.asked == 0


@pytest.mark.parametrize("answer", [Why(job=7), FarmUnreachableError("http://a:1", "gone")])
def test_nothing_is_told_where_a_worker_may_come_or_the_manager_does_not_answer(answer):
    assert standstill(Manager(answer), job()) == ""


def test_a_watched_job_is_looked_at_now_and_then_and_its_standstill_told_once():
    clock, told = Clock(), []
    manager = Manager(Why(job=7))
    lookout = Lookout(manager, told.append, clock)

    for _ in range(3):
        lookout.look(job(), in_work=False)
    assert (manager.asked, told) == (1, [])

    manager.answer = STUCK
    for _ in range(10):
        clock.now += 16
        lookout.look(job(), in_work=False)
    assert (manager.asked, len(told)) == (2, 1)

    lookout.look(job(), in_work=True)
    lookout.look(job(), in_work=False)
    assert manager.asked == 2
    clock.now += 16
    lookout.look(job(), in_work=False)
    assert len(told) == 2
