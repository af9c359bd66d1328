"""`/api/sessions`: asking for workers, over real sockets, and what becomes of them."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.manager import Manager, Worker, is_problem, until
from tests.integration.api.sessions import ask, post, session, until_has


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


def test_jobs_and_workers_tell_of_their_session(manager: Manager, workers: list[Worker]):
    asking = manager.trial("1-9", owner="ada", name="hero")
    other = manager.trial("1-9")
    made = ask(manager, asking, 2)

    def session_of(worker: Worker) -> Any:
        alone = manager.http.get(f"/api/workers/{worker.id}").json()["session"]
        [listed] = [
            one["session"]
            for one in manager.http.get("/api/workers").json()["workers"]
            if one["id"] == worker.id
        ]
        assert alone == listed
        return alone

    its = {"id": made["id"], "job": asking["id"], "name": "hero", "owner": "ada"}
    for worker in workers:
        assert session_of(worker) == (its if worker.id in made["workers"] else None)
    told = {"id": made["id"], "wanted": 2, "workers": 2, "waiting": False}
    assert manager.job(asking["id"])["session"] == told
    assert manager.job(other["id"])["session"] is None
    listed = {one["id"]: one["session"] for one in manager.http.get("/api/jobs").json()["jobs"]}
    assert listed == {asking["id"]: told, other["id"]: None}

    post(manager, made, "release", all=True)

    assert [session_of(worker) for worker in workers] == [None] * 3
    assert manager.job(asking["id"])["session"] is None


def test_one_that_is_released_works_for_others_and_nobody_replaces_it(
    manager: Manager, workers: list[Worker]
):
    asking, other = manager.trial("1-9"), manager.trial("1-9")
    made = ask(manager, asking, 5)

    left = post(manager, made, "release", workers=["a"])

    assert set(left["workers"]) == {workers[1].id, workers[2].id}
    assert (left["wanted"], left["notice"]) == (2, "SUFFICIENT")
    assert _job_of(manager, workers[0].lease()) == other["id"]
    is_problem(
        manager.http.post(f"/api/sessions/{made['id']}/release", json={"workers": ["a"]}),
        404,
        "not_in_session",
    )


def test_more_can_be_asked_for_while_the_job_runs(manager: Manager, workers: list[Worker]):
    made = ask(manager, manager.trial("1-9"), 1)
    [first] = [worker for worker in workers if worker.id in made["workers"]]
    first.lease()

    more = post(manager, made, "more", workers=1)

    assert (len(more["workers"]), more["notice"]) == (2, "SUFFICIENT")
    is_problem(
        manager.http.post(f"/api/sessions/{made['id']}/more", json={"workers": 100_000}),
        422,
        "too_many_workers",
    )


def test_workers_freed_by_a_finished_job_go_to_the_session_that_lacks_some(
    manager: Manager, workers: list[Worker]
):
    ending = ask(manager, manager.trial("1"), 3)
    lacking = ask(manager, manager.trial("1-99"), 2)
    assert (len(ending["workers"]), lacking["workers"]) == (3, [])

    holder = workers[0]
    holder.finish(holder.lease())

    until(lambda: session(manager, ending)["status"] == "ended", "the end of the session")
    until(lambda: len(session(manager, lacking)["workers"]) == 2, "two workers going over")
    assert "is done" in session(manager, ending)["message"]


def test_one_that_says_goodbye_leaves_and_a_free_one_takes_its_place(manager: Manager):
    job = manager.trial("1-9")
    with manager.worker(name="b", boot_id="b", slots=[]) as spare:
        with manager.worker(name="a", boot_id="a") as first:
            made = ask(manager, job, 1)
            assert made["workers"] == [first.id]
        until_has(manager, made)
        with manager.worker(name="c", boot_id="c") as second:
            until_has(manager, made, second.id)
            assert spare.id not in session(manager, made)["workers"]


def test_l8_one_that_is_cut_off_keeps_its_place_until_its_leases_would_end(tmp_path: Path):
    manager = Manager(tmp_path / "manager", lease_s=4.0, public_lease_s=4.0)
    try:
        made = ask(manager, manager.trial("1-9"), 1)
        with manager.worker(name="a", boot_id="a") as first:
            until_has(manager, made, first.id)
            first.socket.socket.shutdown(socket.SHUT_RDWR)

            with manager.worker(name="b", boot_id="b") as second:
                assert session(manager, made)["workers"] == [first.id]
                until_has(manager, made, second.id)
    finally:
        manager.close()
    manager.check()


def test_many_that_are_cut_off_give_their_units_and_their_places_to_the_others(tmp_path: Path):
    manager = Manager(tmp_path / "manager", lease_s=1.0)
    try:
        job = manager.trial("1-6")
        with contextlib.ExitStack() as stack:
            gone = [stack.enter_context(manager.worker(name=n, boot_id=n)) for n in "abc"]
            made = ask(manager, job, 3)
            taken = {worker.lease()["units"] for worker in gone}
            for worker in gone:
                worker.socket.socket.shutdown(socket.SHUT_RDWR)

            others = [stack.enter_context(manager.worker(name=n, boot_id=n)) for n in "de"]
            until_has(manager, made, *(worker.id for worker in others))
            done = set()
            while manager.job(job["id"])["state"] != "done":
                lease = others[0].lease()
                done.add(lease["units"])
                others[0].finish(lease)
        assert taken <= done
    finally:
        manager.close()
    manager.check()


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize("action", ["disable", "drain"])
def test_one_that_is_to_work_no_more_leaves(manager: Manager, action: str):
    made = ask(manager, manager.trial("1-9"), 1)
    [first] = made["workers"]

    steer = {"action": action, "workers": [first]}
    manager.http.post("/api/workers/steer", json=steer).raise_for_status()

    until(lambda: first not in session(manager, made)["workers"], "its leaving")
    until(lambda: len(session(manager, made)["workers"]) == 1, "another taking its place")


def test_one_that_is_revoked_leaves(manager: Manager, workers: list[Worker]):
    made = ask(manager, manager.trial("1-9"), 3)

    manager.http.post("/api/workers/a/revoke").raise_for_status()

    until_has(manager, made, workers[1].id, workers[2].id)


def test_a_restarted_worker_begins_anew_and_may_join_again(manager: Manager):
    made = ask(manager, manager.trial("1-9"), 1)
    with manager.worker(name="a", boot_id="a") as first:
        until_has(manager, made, first.id)
        joined_at = session(manager, made)["members"][0]["joined_at"]
        again = {"worker_id": first.id, "key": first.key, "boot_id": "later"}

        with manager.worker(name="a", **again):
            until(
                lambda: (
                    [one["joined_at"] for one in session(manager, made)["members"]]
                    not in ([], [joined_at])
                ),
                "joining anew",
            )


def test_a_deleted_jobs_workers_are_free(manager: Manager, workers: list[Worker]):
    job, other = manager.trial("1-9"), manager.trial("1-9")
    made = ask(manager, job, 3)

    manager.http.delete(f"/api/jobs/{job['id']}").raise_for_status()

    is_problem(manager.http.get(f"/api/sessions/{made['id']}"), 404, "no_such_session")
    for worker in workers:
        assert _job_of(manager, worker.lease()) == other["id"]


@pytest.mark.usefixtures("workers")
def test_a_cancelled_job_ends_its_session(manager: Manager):
    job = manager.trial("1-9")
    made = ask(manager, job, 3)

    manager.http.post(f"/api/jobs/{job['id']}/cancel").raise_for_status()

    until(lambda: session(manager, made)["status"] == "ended", "the end of the session")
    refused = manager.http.post("/api/sessions", json={"job": job["id"], "workers": 1})
    is_problem(refused, 409, "session_ended")
    again = manager.http.post(f"/api/sessions/{made['id']}/more", json={"workers": 1})
    is_problem(again, 409, "session_ended")


def test_while_its_job_is_paused_a_worker_helps_others_and_comes_back(
    manager: Manager, workers: list[Worker]
):
    job, other = manager.trial("1-9"), manager.trial("1-9")
    made = ask(manager, job, 3)
    manager.http.post(f"/api/jobs/{job['id']}/pause").raise_for_status()

    lease = workers[0].lease()
    assert _job_of(manager, lease) == other["id"]
    assert len(session(manager, made)["workers"]) == 3

    manager.http.post(f"/api/jobs/{job['id']}/resume").raise_for_status()
    workers[0].finish(lease)
    assert _job_of(manager, workers[0].lease()) == job["id"]


def test_workers_that_the_owners_quota_keeps_idle_go_to_the_sessions_of_others(
    manager: Manager, workers: list[Worker]
):
    manager.http.post("/api/users", json={"name": "ann", "role": "artist"}).raise_for_status()
    manager.http.patch("/api/users/ann", json={"quota": {"slots": 1}}).raise_for_status()
    hers = ask(manager, manager.trial("1-9", owner="ann"), 3)
    workers[0].lease()
    assert len(hers["workers"]) == 3

    his = ask(manager, manager.trial("1-9", owner="bob"), 2)

    assert set(his["workers"]) == {workers[1].id, workers[2].id}
    assert session(manager, hers)["workers"] == [workers[0].id]


def test_who_is_in_which_session_outlives_the_manager(tmp_path: Path):
    manager = Manager(tmp_path / "manager")
    urgent, asking = manager.trial("1-9", priority=90), manager.trial("1-9", priority=10)
    try:
        made = ask(manager, asking, 1)
        with manager.worker(name="a", boot_id="a") as first:
            until_has(manager, made, first.id)
            who = {"worker_id": first.id, "key": first.key, "boot_id": "a"}
            manager.close()
            manager = Manager(tmp_path / "manager")
        with manager.worker(name="b", boot_id="b") as other, manager.worker(**who) as back:
            assert session(manager, made)["workers"] == [back.id]
            assert _job_of(manager, other.lease()) == urgent["id"]
            assert _job_of(manager, back.lease()) == asking["id"]
    finally:
        manager.close()
    manager.check()


def test_l9_a_unit_that_fails_on_its_only_worker_is_tried_by_others_in_its_place(
    manager: Manager, workers: list[Worker]
):
    made = ask(manager, manager.trial("1"), 1)
    tried = []
    by_id = {worker.id: worker for worker in workers}
    for _ in range(3):
        until(lambda: set(session(manager, made)["workers"]) - set(tried), "another joining")
        [holder] = session(manager, made)["workers"]
        tried.append(holder)
        by_id[holder].fail(by_id[holder].lease())

    until(lambda: session(manager, made)["status"] == "ended", "the end of the session")
    assert set(tried) == set(by_id)
    assert "is failed" in session(manager, made)["message"]


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

    told = is_problem(again, 409, "has_session")["detail"]
    assert f"session {made['id']}" in told
    assert f"framefarm session more {job['id']} N" in told
    assert f"framefarm session release {job['id']} --all" in told
    is_problem(nowhere, 404, "no_such_job")
    for answer in (
        manager.http.get("/api/sessions/99"),
        manager.http.post("/api/sessions/99/more", json={"workers": 1}),
        manager.http.post("/api/sessions/99/release", json={"all": True}),
        manager.http.delete("/api/sessions/99"),
    ):
        is_problem(answer, 404, "no_such_session")
