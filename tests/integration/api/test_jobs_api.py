"""Submitting, listing, following and steering jobs."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tests.integration.api.manager import Manager, is_problem, picture
from tests.integration.api.test_results import render_job

PRINT = "a" * 64


def finish_all(manager: Manager, units: int) -> None:
    with manager.worker() as worker:
        for _ in range(units):
            assert worker.finish(worker.lease()) == "accepted"


def events(manager: Manager, job: int, *, on_first: threading.Event | None = None) -> list[Any]:
    """All server-sent events of a job until its end, as (kind, facts)."""
    found, kind = [], ""
    with manager.http.stream("GET", f"/api/jobs/{job}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                found.append((kind, json.loads(line.removeprefix("data: "))))
                if on_first is not None:
                    on_first.set()
    return found


def test_a_submitted_job_is_shown_whole(manager: Manager):
    view = manager.trial("1-10", name="try", priority=7, project="Film", shot="010")

    assert (view["name"], view["kind"], view["state"], view["priority"]) == (
        "try",
        "trial",
        "queued",
        7,
    )
    [stage] = view["stages"]
    assert (stage["kind"], stage["state"], stage["total"], stage["done"]) == (
        "trial",
        "ready",
        10,
        0,
    )
    assert view["settings"]["units"] == "1-10"
    assert (view["estimate"], view["frames_per_minute"], view["slowest"]) == (None, None, None)
    assert view["created_at"].endswith("+00:00")
    assert manager.job(view["id"]) == view


def test_jobs_are_listed_newest_first_in_pages(manager: Manager):
    ids = [manager.trial("1")["id"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = manager.http.get(
            "/api/jobs", params={"limit": 2, "cursor": cursor} if cursor else {"limit": 2}
        ).json()
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert seen == ids[::-1]


def test_jobs_are_listed_by_state(manager: Manager):
    kept, gone = manager.trial("1")["id"], manager.trial("1")["id"]
    manager.http.post(f"/api/jobs/{gone}/cancel").raise_for_status()

    def listed(state: str) -> list[int]:
        return [
            job["id"]
            for job in manager.http.get("/api/jobs", params={"state": state}).json()["jobs"]
        ]

    assert (listed("queued"), listed("cancelled"), listed("done")) == ([kept], [gone], [])


def test_a_job_with_a_known_fingerprint_is_the_same_job(manager: Manager):
    body = {"kind": "trial", "settings": {"units": "1-2", "largest_lease": 1}, "fingerprint": PRINT}
    first = manager.http.post("/api/jobs", json=body)
    second = manager.http.post("/api/jobs", json=body)
    other = manager.http.post("/api/jobs", json={**body, "fingerprint": "b" * 64})

    assert [first.status_code, second.status_code, other.status_code] == [201, 200, 201]
    assert second.json()["id"] == first.json()["id"] != other.json()["id"]


@pytest.mark.parametrize("end", ["cancelled", "failed", "done"])
def test_a_fingerprint_puts_an_ended_job_back_to_work_unless_it_is_done(manager: Manager, end: str):
    body = {"kind": "trial", "settings": {"units": "1", "largest_lease": 1}, "fingerprint": PRINT}
    job = manager.http.post("/api/jobs", json=body).json()["id"]
    with manager.worker() as worker:
        if end == "cancelled":
            manager.http.post(f"/api/jobs/{job}/cancel").raise_for_status()
        elif end == "failed":
            worker.fail(worker.lease(), reason="refused")
        else:
            worker.finish(worker.lease())
    assert manager.job(job)["state"] == end

    again = manager.http.post("/api/jobs", json=body)

    assert (again.status_code, again.json()["id"]) == (200, job)
    assert again.json()["state"] == ("done" if end == "done" else "queued")


def test_cancel_and_retry(manager: Manager):
    job = manager.trial("1-3")["id"]
    assert manager.http.post(f"/api/jobs/{job}/cancel").json()["state"] == "cancelled"
    assert manager.http.post(f"/api/jobs/{job}/cancel").json()["state"] == "cancelled"
    assert manager.http.post(f"/api/jobs/{job}/retry").json()["state"] == "queued"
    told = is_problem(manager.http.post(f"/api/jobs/{job}/retry"), 409, "nothing_to_retry")
    assert "--frames" in told["detail"]

    finish_all(manager, 3)

    is_problem(manager.http.post(f"/api/jobs/{job}/cancel"), 409, "illegal_move")


def test_units_are_listed_by_how_they_ended(manager: Manager):
    job = manager.trial("1-6")["id"]
    with manager.worker(name="box") as worker:
        for number in range(6):
            lease = worker.lease()
            if number % 2:
                worker.fail(lease, reason="refused", message="no camera")
            else:
                worker.finish(
                    lease, facts={"seconds": 2.0, "peak_memory_bytes": 9, "device": "CPU"}
                )

    def units(**query: Any) -> dict[str, Any]:
        return manager.http.get(f"/api/jobs/{job}/units", params={"kind": "trial", **query}).json()

    done = units(state="done")["units"]
    assert [unit["unit"] for unit in done] == [1, 3, 5]
    assert (done[0]["worker"], done[0]["seconds"], done[0]["device"]) == ("box", 2.0, "CPU")
    failed = units(state="failed")["units"]
    assert [(unit["unit"], unit["message"]) for unit in failed] == [
        (n, "no camera") for n in (2, 4, 6)
    ]
    page = units(state="done", limit=2)
    assert (len(page["units"]), page["next"]) == (2, 3)
    assert [unit["unit"] for unit in units(state="done", after=3)["units"]] == [5]
    assert units(kind="movie") == {"units": [], "next": None}
    view = manager.job(job)
    assert view["state"] == "failed"
    assert view["message"].startswith("Units failed: 3 of 6 in trial. trial ")
    assert (view["render_seconds"], view["slowest"]["seconds"]) == (6.0, 2.0)


def test_logs_say_why_attempts_failed(manager: Manager):
    job = manager.trial("1")["id"]
    with manager.worker(name="box") as worker:
        for reason in ("crashed", "error"):
            worker.fail(
                worker.lease(), reason=reason, message="it broke", log_tail="line 1\nline 2"
            )

    log = manager.http.get(f"/api/jobs/{job}/log")
    frame = manager.http.get(f"/api/jobs/{job}/frames/1/log")

    assert log.headers["content-type"].startswith("text/plain")
    assert "unit 1, attempt 1 on box: crashed: it broke\nline 1\nline 2" in log.text
    assert log.text.index("crashed") < log.text.index("attempt 2 on box: error")
    assert frame.text == "error: it broke\n\nline 1\nline 2"


def test_events_tell_a_jobs_life_to_its_end(manager: Manager):
    job = manager.trial("1-3")["id"]
    heard: list[Any] = []
    began = threading.Event()
    follower = threading.Thread(target=lambda: heard.extend(events(manager, job, on_first=began)))
    follower.start()
    assert began.wait(60)

    with manager.worker(name="box") as worker:
        one = worker.lease()
        worker.hears(
            {
                "type": "progress",
                "lease": one["lease"],
                "unit": 1,
                "done": 3,
                "total": 8,
                "phase": "rendering",
            }
        )
        worker.finish(one, facts={"seconds": 1.5})
        worker.fail(worker.lease())
        for _ in range(2):
            worker.finish(worker.lease())
    follower.join(60)

    kinds = [kind for kind, _ in heard]
    assert (kinds[0], kinds[-1]) == ("job", "end")
    assert heard[0][1]["state"] == "queued"
    assert kinds.count("end") == 1
    progress = next(facts for kind, facts in heard if kind == "progress")
    assert progress == {
        "kind": "trial",
        "unit": 1,
        "worker": "box",
        "slot": "cpu",
        "done": 3,
        "total": 8,
        "phase": "rendering",
    }
    units = [
        (facts["unit"], facts["state"], facts["worker"]) for kind, facts in heard if kind == "unit"
    ]
    assert units == [
        (1, "done", "box"),
        (2, "retry", "box"),
        (2, "done", "box"),
        (3, "done", "box"),
    ]
    last = [facts for kind, facts in heard if kind == "job"][-1]
    assert (last["state"], last["stages"][0]["done"]) == ("done", 3)


@pytest.mark.parametrize("end", ["done", "cancelled"])
def test_events_of_a_job_that_has_ended_are_its_picture_and_the_end(manager: Manager, end: str):
    job = manager.trial("1")["id"]
    if end == "done":
        finish_all(manager, 1)
    else:
        manager.http.post(f"/api/jobs/{job}/cancel").raise_for_status()

    (first, view), (last, _) = events(manager, job)

    assert (first, view["state"], last) == ("job", end, "end")


def test_events_of_a_job_that_is_cancelled_end(manager: Manager):
    job = manager.trial("1")["id"]
    began, heard = threading.Event(), []
    follower = threading.Thread(target=lambda: heard.extend(events(manager, job, on_first=began)))
    follower.start()
    assert began.wait(60)
    manager.http.post(f"/api/jobs/{job}/cancel").raise_for_status()
    follower.join(60)

    assert [kind for kind, _ in heard][-2:] == ["job", "end"]


def test_everything_is_placed_when_followers_hear_the_end(manager: Manager):
    job = render_job(manager, "1-4")
    began, heard = threading.Event(), []
    follower = threading.Thread(target=lambda: heard.extend(events(manager, job, on_first=began)))
    follower.start()
    assert began.wait(60)
    with manager.worker() as worker:
        for number in range(1, 5):
            png = picture(shade=number / 5)
            depth = (f"depth/{number}.exr", "layer", bytes([number]))
            name = f"{number:04d}.png"
            worker.put(worker.lease(), (name, "image", png), depth, ("l", "log", b"x"))
    follower.join(60)

    folder = manager.settings.data_dir / "outputs" / "Film" / "010" / f"{job:04d}-shot"
    assert manager.job(job)["outputs_dir"] == str(folder)
    placed = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert placed == [
        *(f"{n:04d}.png" for n in range(1, 5)),
        *(f"depth/{n}.exr" for n in range(1, 5)),
    ]
    assert (folder / "0001.png").read_bytes() == picture(shade=0.2)


def test_a_million_units_are_one_job_like_any_other(manager: Manager):
    job = manager.trial("1-1000000")
    listed = manager.http.get("/api/jobs").json()["jobs"]

    assert (job["stages"][0]["total"], listed[0]["id"]) == (1_000_000, job["id"])


def test_the_api_describes_itself(shared: Manager):
    paths = shared.http.get("/api/openapi.json").json()["paths"]

    assert "/api/jobs/{job_id}/cancel" in paths


@pytest.mark.parametrize("page", ["/docs", "/redoc", "/api/redoc", "/api/docs/oauth2-redirect"])
def test_no_page_runs_scripts_of_other_servers_here(shared: Manager, page: str):
    is_problem(shared.http.get(page), 404, "not_found")
