"""`/api/jobs/{job}/frames`: frames with all that is known of them, by state, worker and range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from framefarm.client.farm import Farm
from tests.integration.api.manager import Manager, Worker, is_problem, of, picture


def frames(manager: Manager, job: int, **asked: Any) -> list[dict[str, Any]]:
    answer = manager.http.get(f"/api/jobs/{job}/frames", params=asked)
    return list(answer.raise_for_status().json()["frames"])


def numbers(manager: Manager, job: int, **asked: Any) -> list[int]:
    return [one["frame"] for one in frames(manager, job, **asked)]


@pytest.fixture
def first(manager: Manager) -> Iterator[Worker]:
    with manager.worker(name="first") as worker:
        yield worker


def finish(worker: Worker, lease: dict[str, Any]) -> None:
    name = f"{of(lease)['unit']:04d}"
    files = ((f"{name}.png", "image", picture()), (f"{name}.txt", "log", b"Saved"))
    assert worker.put(lease, *files).status_code == 200


def test_each_frame_is_told_with_all_that_is_known_of_it(manager: Manager, first: Worker):
    job = manager.trial("1-4", project="film", shot="s010")["id"]
    with manager.worker(name="second") as second:
        finish(first, first.lease())
        second.fail(second.lease(), reason="refused", message="no such camera")
        first.lease()
        done, failed, leased, waits = frames(manager, job)

    place = {"job": job, "project": "film", "sequence": "", "shot": "s010"}
    for one in (done, failed, leased, waits):
        assert place.items() <= one.items()
        assert one["shot_id"] is not None
    assert [one["frame"] for one in (done, failed, leased, waits)] == [1, 2, 3, 4]
    assert (done["state"], done["worker"], done["attempt"]) == ("done", "first", 1)
    assert done["seconds"] >= 0
    assert done["at"].startswith("20")
    assert done["path"].endswith("/0001.png")
    assert done["image"] == f"/api/jobs/{job}/frames/1/image"
    assert (done["thumbnail"], done["log"]) == (None, f"/api/jobs/{job}/frames/1/log")
    assert manager.http.get(done["log"]).text == "Saved"
    assert (failed["state"], failed["worker"]) == ("failed", "second")
    assert failed["message"] == "no such camera"
    assert "the log" in manager.http.get(failed["log"]).text
    assert (leased["state"], leased["worker"], leased["seconds"]) == ("leased", "first", None)
    assert (waits["state"], waits["worker"], waits["at"], waits["log"]) == (
        *("pending", None),
        *(None, None),
    )
    assert manager.http.get(f"/api/jobs/{job}/frames/2").json() == failed


def test_the_end_of_a_frames_log_is_asked_for_by_a_range(manager: Manager, first: Worker):
    job = manager.trial("1")["id"]
    finish(first, first.lease())

    told = manager.http.get(f"/api/jobs/{job}/frames/1/log", headers={"Range": "bytes=-3"})

    assert (told.status_code, told.text) == (206, "ved")
    assert told.headers["content-range"] == "bytes 2-4/5"


def test_frames_are_chosen_by_state_worker_and_range(manager: Manager, first: Worker):
    job = manager.trial("1-9")["id"]
    with manager.worker(name="second") as second:
        finish(first, first.lease())
        finish(second, second.lease())
        second.fail(second.lease(), reason="refused")
        first.lease()

        assert numbers(manager, job, state="done") == [1, 2]
        assert numbers(manager, job, state="failed") == [3]
        assert numbers(manager, job, state="leased") == [4]
        assert numbers(manager, job, state="pending") == [5, 6, 7, 8, 9]
        assert numbers(manager, job, state="cancelled") == []
        assert numbers(manager, job, worker="first") == [1, 4]
        assert numbers(manager, job, worker="second") == [2, 3]
        assert numbers(manager, job, worker="second", state="done") == [2]
        assert numbers(manager, job, worker="second", state="pending") == []
        assert numbers(manager, job, frames="2-3,8,40") == [2, 3, 8]
        assert numbers(manager, job, frames="2-9", state="done") == [2]
        assert numbers(manager, job, frames="1-9x4", state="pending") == [5, 9]
        assert numbers(manager, job, frames="50") == []


def test_a_cancelled_job_has_frames_that_were_done_and_others(manager: Manager, first: Worker):
    job = manager.trial("1-3")["id"]
    finish(first, first.lease())
    manager.http.post(f"/api/jobs/{job}/cancel").raise_for_status()

    assert [one["state"] for one in frames(manager, job)] == ["done", "cancelled", "cancelled"]
    assert numbers(manager, job, state="cancelled") == [2, 3]
    assert numbers(manager, job, state="pending") == []


@pytest.mark.parametrize("asked", [{}, {"state": "pending"}, {"frames": "1-7"}])
def test_frames_come_in_pages(shared: Manager, asked: dict[str, str]):
    job = shared.trial("1-7")["id"]
    found: list[int] = []
    cursor: int | None = None
    pages = 0
    while cursor is not None or not pages:
        query = {**asked, "limit": 3, **({} if cursor is None else {"cursor": cursor})}
        answer = shared.http.get(f"/api/jobs/{job}/frames", params=query).json()
        found += [one["frame"] for one in answer["frames"]]
        cursor, pages = answer["next"], pages + 1
    with Farm(shared.server.url) as farm:
        listed = [one.frame for one in farm.frames(job, **asked)]
        assert farm.frame(job, 7).state == "pending"
    shared.http.delete(f"/api/jobs/{job}").raise_for_status()

    assert found == listed == [1, 2, 3, 4, 5, 6, 7]
    assert pages == 3


def test_a_page_of_a_million_frames_is_a_page(shared: Manager):
    job = shared.trial("1-1000000")["id"]

    answer = shared.http.get(f"/api/jobs/{job}/frames", params={"cursor": 999_990}).json()

    shared.http.delete(f"/api/jobs/{job}").raise_for_status()
    assert [one["frame"] for one in answer["frames"]] == list(range(999_991, 1_000_001))
    assert answer["next"] is None


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"state": "lost"}, 422, "invalid_request"),
        ({"frames": "cats"}, 422, "bad_frames"),
        ({"frames": "9-1"}, 422, "bad_frames"),
        ({"worker": "nobody"}, 404, "no_such_worker"),
        ({"limit": 0}, 422, "invalid_request"),
        ({"cursor": "x"}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    shared: Manager, query: dict[str, Any], status: int, code: str
):
    job = shared.trial("1-3")["id"]

    is_problem(shared.http.get(f"/api/jobs/{job}/frames", params=query), status, code)

    shared.http.delete(f"/api/jobs/{job}").raise_for_status()


def test_what_is_not_there_is_told_with_what_is(shared: Manager):
    job = shared.trial("1-3")["id"]

    told = is_problem(shared.http.get(f"/api/jobs/{job}/frames/9"), 404, "no_such_unit")
    assert "it has 1-3" in told["detail"]
    is_problem(shared.http.get("/api/jobs/999999/frames"), 404, "no_such_job")
    is_problem(shared.http.get("/api/jobs/999999/frames/1"), 404, "no_such_job")

    shared.http.delete(f"/api/jobs/{job}").raise_for_status()
