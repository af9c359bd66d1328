"""Files that go to the workers of a session ahead of their first lease."""

from __future__ import annotations

from typing import Any

from tests.integration.api.far import Far
from tests.integration.api.manager import Manager, Worker, is_problem, until
from tests.integration.api.sessions import ask, following, post, session, until_has
from tests.integration.api.test_held_files import job_of

SCENE = b"a scene"
TAKES = ["prefetch"]


def job_with_scene(manager: Manager) -> dict[str, Any]:
    return manager.job(job_of(manager, manager.upload(SCENE)))


def has_files(manager: Manager, made: dict[str, Any]) -> list[bool]:
    return [one["has_files"] for one in session(manager, made)["members"]]


def test_who_joins_is_told_to_fetch_the_files_and_says_that_it_has_them(manager: Manager):
    job = job_with_scene(manager)
    with (
        following(manager, job) as told,
        manager.worker(name="a", boot_id="a", takes=TAKES) as worker,
    ):
        made = ask(manager, job, 1)

        order = worker.hear("prefetch")
        assert (order["job"], order["scene"]["sha256"]) == (job["id"], manager.upload(SCENE))
        assert has_files(manager, made) == [False]
        worker.say({"type": "got_files", "job": job["id"]})

        assert [one["what"] for one in told("files")] == ["joined", "files"]
        assert has_files(manager, made) == [True]
        assert post(manager, made, "prefetch", all=True)["prefetch"]
        assert worker.hear("prefetch") == order


def test_who_joins_later_is_told_too_and_who_comes_back_again(manager: Manager):
    job = job_with_scene(manager)
    made = ask(manager, job, 1)
    with manager.worker(name="a", boot_id="a", takes=TAKES) as worker:
        worker.hear("prefetch")
        again = {"worker_id": worker.id, "key": worker.key, "boot_id": "a", "takes": TAKES}
        with manager.worker(name="a", **again) as back:
            assert back.hear("prefetch")["job"] == job["id"]
            back.say({"type": "got_files", "job": job["id"]})
            until(lambda: has_files(manager, made) == [True], "having the files")


def test_an_older_worker_is_told_nothing_and_works_all_the_same(manager: Manager):
    job = job_with_scene(manager)
    with following(manager, job) as told, manager.worker(name="a", boot_id="a") as worker:
        ask(manager, job, 1)

        [*_, lacking] = told("no_files")
        assert "too old" in lacking["reason"]
        orders = [order["type"] for order in worker.hears({"type": "ready", "slot": "cpu"})]
        assert orders in (["task", "lease"], [])
        assert orders or worker.hear("lease")


def test_a_job_without_files_needs_none(manager: Manager):
    with manager.worker(name="a", boot_id="a", takes=TAKES) as worker:
        made = ask(manager, manager.trial("1-9"), 1)

        until(lambda: has_files(manager, made) == [True], "having all there are")
        assert worker.hears() == []


def test_files_go_to_those_that_are_named_and_to_nobody_where_nobody_wants_it(manager: Manager):
    job = job_with_scene(manager)
    with (
        manager.worker(name="a", boot_id="a", takes=TAKES) as first,
        manager.worker(name="b", boot_id="b", takes=TAKES) as second,
    ):
        made = ask(manager, job, 2, prefetch=False)
        until_has(manager, made, first.id, second.id)

        post(manager, made, "prefetch", workers=["b"])

        assert second.hear("prefetch")["job"] == job["id"]
        assert first.hears() == []
        stranger = {"workers": ["a"]}
        post(manager, made, "release", workers=["a"])
        refused = manager.http.post(f"/api/sessions/{made['id']}/prefetch", json=stranger)
        is_problem(refused, 404, "not_in_session")


def test_a_worker_that_could_not_get_them_says_why(manager: Manager):
    job = job_with_scene(manager)
    with (
        following(manager, job) as told,
        manager.worker(name="a", boot_id="a", takes=TAKES) as worker,
    ):
        made = ask(manager, job, 1)
        worker.hear("prefetch")

        worker.say({"type": "got_files", "job": job["id"], "ok": False, "message": "disk full"})

        assert told("no_files")[-1]["reason"] == "disk full"
        assert has_files(manager, made) == [False]


def test_what_a_worker_says_of_jobs_that_are_not_its_sessions_changes_nothing(manager: Manager):
    job, other = job_with_scene(manager), job_with_scene(manager)
    made = ask(manager, job, 1)
    with manager.worker(name="a", boot_id="a", takes=TAKES) as worker:
        worker.hear("prefetch")

        for wrong in (other["id"], 999):
            assert worker.hears({"type": "got_files", "job": wrong}) == []

        assert has_files(manager, made) == [False]


def test_a_worker_of_a_session_may_fetch_its_jobs_file_before_any_lease_and_nobody_else(far: Far):
    job = job_with_scene(far.manager)
    scene = far.manager.upload(SCENE)
    with (
        far.manager.worker(name="a", boot_id="a", slots=[]) as stranger,
        far.manager.worker(name="b", boot_id="b") as worker,
    ):
        made = ask(far.manager, job, 1, prefetch=False)
        assert made["workers"] == [worker.id]

        assert far.get(worker, scene) == (200, SCENE)
        assert far.refuses(stranger, scene)
    _until_here_no_more(far, worker)

    assert far.refuses(worker, scene)


def _until_here_no_more(far: Far, worker: Worker) -> None:
    def gone() -> bool:
        rows = far.manager.http.get("/api/workers").json()["workers"]
        return not any(row["id"] == worker.id and row["connected"] for row in rows)

    until(gone, "the departure")
    until(lambda: not far.manager.http.get("/api/sessions").json()["sessions"][0]["workers"], "it")
