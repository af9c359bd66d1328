"""Sessions that wait until they can have all their workers together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.manager import Manager, Worker
from tests.integration.api.sessions import ask, post, session, until_has


def test_a_job_that_waits_begins_once_it_has_all_workers(manager: Manager):
    job = manager.trial("1-9")
    made = ask(manager, job, 2, wait=True)
    assert made["status"] == "waiting"
    assert made["notice"] == "NOT_SUFFICIENT"
    with manager.worker(name="a", boot_id="a") as first:
        first.say({"type": "ready", "slot": "cpu"})
        assert first.hears() == []
        assert session(manager, made)["workers"] == []
        manager.check()  # nothing of it is claimable

        with manager.worker(name="b", boot_id="b") as second:
            assert first.hear("lease")
            assert second.lease()
            until_has(manager, made, first.id, second.id)
            assert session(manager, made)["status"] == "working"


def test_a_job_that_waits_begins_when_its_session_is_given_up(
    manager: Manager, workers: list[Worker]
):
    made = ask(manager, manager.trial("1-9"), 4, wait=True)
    workers[0].say({"type": "ready", "slot": "cpu"})
    assert workers[0].hears() == []

    ended = post(manager, made, "release", all=True)

    assert ended["status"] == "ended"
    assert workers[0].hear("lease")


def answer_of(manager: Manager, made: dict[str, Any]) -> str:
    """Why the job of a session has no more workers."""
    return str(manager.http.get(f"/api/jobs/{made['job']}/why").raise_for_status().json()["answer"])


def test_workers_are_kept_for_the_first_that_waits_and_are_lent_meanwhile(
    manager: Manager, workers: list[Worker]
):
    first = ask(manager, manager.trial("1-9"), 2)
    waits = ask(manager, manager.trial("1-9"), 3, wait=True)
    # It would take longer than the first one.
    behind = ask(manager, manager.trial("1-99"), 1)
    assert behind["workers"] == []
    assert f"unless they are kept for job {waits['job']}, which waits for 3" in behind["message"]
    kept = f"may be kept for job {waits['job']}, which waits for 3 together."
    assert kept in answer_of(manager, behind)
    assert "It waits until the 3 workers" in answer_of(manager, waits)
    assert "Before it" not in answer_of(manager, waits)
    next_in_line = ask(manager, manager.trial("1-9"), 2, wait=True)
    before = f"Before it comes job {waits['job']}, which waits for 3 together."
    assert before in answer_of(manager, next_in_line)
    post(manager, next_in_line, "release", all=True)
    manager.http.post(f"/api/jobs/{next_in_line['job']}/cancel").raise_for_status()
    free = next(one for one in workers if one.id not in first["workers"])
    free.say({"type": "ready", "slot": "cpu"})
    assert free.hears() == []
    anybodys = manager.trial("1-9", priority=1)
    assert free.hear("lease")["stage"] == anybodys["stages"][0]["id"]

    manager.http.post(f"/api/jobs/{first['job']}/cancel").raise_for_status()

    until_has(manager, waits, *(one.id for one in workers))
    assert session(manager, waits)["status"] == "working"
    assert session(manager, behind)["workers"] == []


@pytest.mark.usefixtures("workers")
def test_a_session_that_ends_sooner_borrows_what_is_kept(manager: Manager):
    ask(manager, manager.trial("1-99"), 2)
    waits = ask(manager, manager.trial("1-9"), 3, wait=True)

    short = ask(manager, manager.trial("1-9"), 1)

    assert len(short["workers"]) == 1
    assert short["message"] == f"Job {short['job']} has the one worker it asked for."
    assert session(manager, waits)["status"] == "waiting"
