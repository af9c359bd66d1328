"""Steering jobs over HTTP, while a stand-in renderer holds their units (item 12)."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.api.manager import Manager, Worker, is_problem, of, picture, until


def steer(manager: Manager, job: int, verb: str, **body: Any) -> httpx.Response:
    return manager.http.post(f"/api/jobs/{job}/{verb}", json=body or None)


def test_a_paused_job_gives_no_leases_until_it_is_resumed(manager: Manager):
    job = manager.trial("1-2")["id"]
    with manager.worker() as worker:
        lease = worker.lease()
        assert steer(manager, job, "pause").json()["state"] == "paused"
        assert steer(manager, job, "pause").status_code == 200

        assert worker.finish(lease) == "accepted"
        assert worker.hears({"type": "ready", "slot": "cpu"}) == []
        assert steer(manager, job, "resume").json()["state"] == "queued"

        assert worker.finish(worker.hear("lease")) == "accepted"
    assert manager.job(job)["state"] == "done"
    is_problem(steer(manager, job, "pause"), 409, "illegal_move")
    is_problem(steer(manager, job, "resume"), 409, "illegal_move")


STEERING = {
    "cancel": lambda manager, job: steer(manager, job, "cancel"),
    "pause": lambda manager, job: steer(manager, job, "pause", now=True),
    "retry": lambda manager, job: steer(manager, job, "retry", all=True),
    "delete": lambda manager, job: manager.http.delete(f"/api/jobs/{job}"),
}


@pytest.mark.parametrize("verb", STEERING)
def test_a_running_render_is_told_without_asking(manager: Manager, verb: str):
    job = manager.trial("1")["id"]
    with manager.worker() as worker:
        lease = worker.lease()

        assert STEERING[verb](manager, job).is_success
        # The worker says nothing meanwhile, no heartbeat either.
        revoked = worker.hear("revoke")

        assert revoked["lease"] == lease["lease"]
        late = worker.finish(lease)
    # What was rendered and is wanted counts (L4); what is not wanted any more is gone.
    assert late == ("accepted_late" if verb == "pause" else "gone")
    manager.check()


def test_frames_are_made_anew_and_their_files_replaced(manager: Manager):
    job = manager.trial("1-2", settings={"image_bytes": 1})["id"]
    first, second = picture(shade=0.1), picture(shade=0.9)
    outputs = Path(manager.job(job)["outputs_dir"])
    with manager.worker() as worker:
        old = [worker.lease(), None]
        assert worker.put(old[0], ("0001.png", "image", first)).json()["answer"] == "accepted"
        old[1] = worker.lease()
        worker.put(old[1], ("0002.png", "image", first))
        until(lambda: manager.job(job)["state"] == "done", "the end")
        until((outputs / "0002.png").exists, "the output")

        view = steer(manager, job, "retry", frames="2").json()
        assert (view["state"], view["stages"][0]["done"]) == ("queued", 1)
        assert worker.put(old[1], ("0002.png", "image", first)).status_code == 410
        again = worker.lease()
        assert (of(again)["unit"], again["attempt"]) == (2, 2)
        assert worker.put(again, ("0002.png", "image", second)).json()["answer"] == "accepted"

    until(lambda: (outputs / "0002.png").read_bytes() == second, "the new output")
    assert (outputs / "0001.png").read_bytes() == first
    manager.check()


def test_a_deleted_job_is_nowhere_and_its_outputs_go_only_when_asked(manager: Manager):
    kept, removed = (manager.trial("1", settings={"image_bytes": 1})["id"] for _ in range(2))
    folders = {job: Path(manager.job(job)["outputs_dir"]) for job in (kept, removed)}
    with manager.worker() as worker:
        for _ in folders:
            worker.put(worker.lease(), ("a/0001.png", "image", picture()))
    for folder in folders.values():
        until((folder / "a" / "0001.png").exists, "the output")
    (folders[removed] / "notes.txt").write_text("a person's")

    assert manager.http.delete(f"/api/jobs/{kept}").status_code == 204
    assert manager.http.delete(f"/api/jobs/{removed}?outputs=true").status_code == 204

    for job in folders:
        is_problem(manager.http.get(f"/api/jobs/{job}"), 404, "no_such_job")
        is_problem(manager.http.delete(f"/api/jobs/{job}"), 404, "no_such_job")
    assert (folders[kept] / "a" / "0001.png").exists()
    assert not (folders[removed] / "a").exists()
    assert (folders[removed] / "notes.txt").exists()


def test_who_follows_a_job_that_is_deleted_hears_its_end(manager: Manager):
    job = manager.trial("1")["id"]
    with manager.http.stream("GET", f"/api/jobs/{job}/events") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: job"
        manager.http.delete(f"/api/jobs/{job}").raise_for_status()

        assert "event: end" in lines


def test_priorities_decide_about_the_next_lease(manager: Manager):
    first, second = manager.trial("1-3")["id"], manager.trial("1-3")["id"]
    assert steer(manager, second, "priority", priority=90).json()["priority"] == 90

    with manager.worker() as worker:
        worker.lease()
        assert manager.job(second)["state"] == "running"
        assert manager.job(first)["state"] == "queued"


@pytest.mark.parametrize(
    ("verb", "body", "status", "code"),
    [
        ("priority", {"priority": 101}, 422, "invalid_request"),
        ("priority", {"priority": 5, "kind": "bake"}, 404, "no_such_stage"),
        ("priority", None, 422, "invalid_request"),
        ("retry", {"frames": "x"}, 422, "bad_frames"),
        ("retry", {"frames": "99"}, 422, "no_such_frames"),
        ("retry", {"everything": True}, 422, "invalid_request"),
        ("pause", {"now": "perhaps"}, 422, "invalid_request"),
        ("pause", [], 422, "invalid_request"),
        ("resume", None, 409, "illegal_move"),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(
    manager: Manager, verb: str, body: Any, status: int, code: str
):
    job = manager.trial("1-3")["id"]
    if verb == "resume":
        manager.http.post(f"/api/jobs/{job}/cancel").raise_for_status()
    before = manager.job(job)

    is_problem(manager.http.post(f"/api/jobs/{job}/{verb}", json=body), status, code)

    assert manager.job(job) == before
    missing = manager.http.post(f"/api/jobs/999999/{verb}", json=body)
    assert missing.status_code in {404, 422}
    assert manager.http.put(f"/api/jobs/{job}/{verb}").status_code == 405


class Turmoil:
    """People who steer three jobs, and workers who do them, all at the same time."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.jobs = [manager.trial("1-40")["id"] for _ in range(3)]
        self.trouble: list[object] = []
        self.over = threading.Event()

    def steer(self, number: int) -> None:
        verbs = ["pause", "resume", "retry", "cancel", "retry", "resume"]
        for turn in range(40):
            job, verb = self.jobs[(turn + number) % 3], verbs[(turn * (number + 1)) % len(verbs)]
            body: dict[str, Any] = {"now": True} if verb == "pause" else {}
            if verb == "retry" and turn % 2:
                body = {"frames": "1-20"}
            answer = steer(self.manager, job, verb, **body)
            if answer.status_code not in {200, 409}:
                self.trouble.append((verb, answer.status_code, answer.text))

    def work(self, number: int) -> None:
        with self.manager.worker(name=f"w{number}") as worker:
            while not self.over.is_set():
                for order in worker.hears({"type": "ready", "slot": "cpu"}):
                    if order["type"] == "lease":
                        self._finish(worker, order)

    def _finish(self, worker: Worker, lease: dict[str, Any]) -> None:
        answer = worker.finish(lease)
        if answer not in {"accepted", "accepted_late", "gone", "already_done"}:
            self.trouble.append(answer)

    def calm_down(self) -> None:
        for job in self.jobs:
            state = self.manager.job(job)["state"]
            verb = {"paused": "resume", "cancelled": "retry"}.get(state)
            if verb is not None:
                steer(self.manager, job, verb).raise_for_status()

    def all_done(self) -> bool:
        return all(self.manager.job(job)["state"] == "done" for job in self.jobs)


def test_people_and_workers_at_the_same_time_break_nothing(manager: Manager):
    turmoil = Turmoil(manager)
    workers = [threading.Thread(target=turmoil.work, args=(n,)) for n in range(3)]
    people = [threading.Thread(target=turmoil.steer, args=(n,)) for n in range(2)]
    for thread in [*workers, *people]:
        thread.start()
    for thread in people:
        thread.join()

    manager.check()
    turmoil.calm_down()
    until(turmoil.all_done, "the end of all jobs")
    turmoil.over.set()
    for thread in workers:
        thread.join()
    assert turmoil.trouble == []
    manager.check()
