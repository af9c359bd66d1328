"""`/api/sessions`: asking for workers, over real sockets, and what becomes of them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.api.manager import Manager, Worker, is_problem, until


def ask(manager: Manager, job: dict[str, Any], workers: int, **how: Any) -> dict[str, Any]:
    body = {"job": job["id"], "workers": workers, **how}
    answer = manager.http.post("/api/sessions", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def session(manager: Manager, made: dict[str, Any]) -> dict[str, Any]:
    return dict(manager.http.get(f"/api/sessions/{made['id']}").raise_for_status().json())


def post(manager: Manager, made: dict[str, Any], what: str, **body: Any) -> dict[str, Any]:
    answer = manager.http.post(f"/api/sessions/{made['id']}/{what}", json=body)
    return dict(answer.raise_for_status().json())


def until_has(manager: Manager, made: dict[str, Any], *workers: str) -> None:
    until(lambda: set(session(manager, made)["workers"]) == set(workers), f"having {workers}")


@pytest.fixture
def workers(manager: Manager) -> Iterator[list[Worker]]:
    """Three workers, which ask for nothing yet."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(manager.worker(name=name, boot_id=name)) for name in ("a", "b", "c")
        ]


def test_a_session_has_the_workers_it_asked_for_and_they_work_for_its_job_first(
    manager: Manager, workers: list[Worker]
):
    urgent, asking = manager.trial("1-9", priority=90), manager.trial("1-9", priority=10)

    made = ask(manager, asking, 2)

    assert made["status"] == "working"
    assert made["notice"] == "SUFFICIENT"
    assert set(made["workers"]) == {workers[0].id, workers[1].id}
    jobs = [_job_of(manager, worker.lease()) for worker in workers]
    assert jobs == [asking["id"], asking["id"], urgent["id"]]


def _job_of(manager: Manager, lease: dict[str, Any]) -> int:
    for job in manager.http.get("/api/jobs").json()["jobs"]:
        if any(stage["id"] == lease["stage"] for stage in job["stages"]):
            return int(job["id"])
    raise AssertionError(lease)


def test_a_session_that_lacks_workers_gets_those_that_join_later(
    manager: Manager, workers: list[Worker]
):
    made = ask(manager, manager.trial("1-9"), 4)
    assert made["notice"] == "NOT_SUFFICIENT"
    assert len(made["workers"]) == 3

    with manager.worker(name="d", boot_id="d") as late:
        until_has(manager, made, late.id, *(worker.id for worker in workers))

        assert session(manager, made)["notice"] == "SUFFICIENT"


def test_a_job_that_waits_begins_once_it_has_all_workers(manager: Manager):
    job = manager.trial("1-9")
    made = ask(manager, job, 2, wait=True)
    assert made["status"] == "waiting"
    assert made["notice"] == "NOT_SUFFICIENT"
    with manager.worker(name="a", boot_id="a") as first:
        first.say({"type": "ready", "slot": "cpu"})
        assert first.hears() == []
        assert session(manager, made)["workers"] == []

        with manager.worker(name="b", boot_id="b") as second:
            assert first.hear("lease")
            assert second.lease()
            until_has(manager, made, first.id, second.id)
            assert session(manager, made)["status"] == "working"


@pytest.mark.parametrize("body", [{}, {"job": 1}, {"job": 1, "workers": 0}, {"job": "x"}])
def test_a_session_that_is_none_is_refused(manager: Manager, body: dict[str, Any]):
    answer = manager.http.post("/api/sessions", content=json.dumps(body))

    assert answer.status_code == 422


def test_sessions_that_cannot_be_are_refused(manager: Manager):
    job = manager.trial()
    asked = {"job": job["id"], "workers": 1}
    made = ask(manager, job, 1)

    again = manager.http.post("/api/sessions", json=asked)
    nowhere = manager.http.post("/api/sessions", json={"job": 99, "workers": 1})

    assert f"session {made['id']}" in is_problem(again, 409, "has_session")["detail"]
    is_problem(nowhere, 404, "no_such_job")
    for answer in (
        manager.http.get("/api/sessions/99"),
        manager.http.post("/api/sessions/99/more", json={"workers": 1}),
        manager.http.post("/api/sessions/99/release", json={"all": True}),
        manager.http.delete("/api/sessions/99"),
    ):
        is_problem(answer, 404, "no_such_session")
