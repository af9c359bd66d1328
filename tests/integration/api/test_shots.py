"""Shots: jobs are their versions, and what is finished of them is theirs."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.test_render_tasks import start


def shot_of(manager: Manager, job: dict[str, Any]) -> dict[str, Any]:
    return dict(manager.http.get(f"/api/shots/{job['shot_id']}").raise_for_status().json())


def listed(manager: Manager, **asked: Any) -> list[str]:
    answer = manager.http.get("/api/shots", params=asked)
    return [shot["path"] for shot in answer.raise_for_status().json()["shots"]]


def test_each_job_for_a_shot_is_its_next_version(manager: Manager):
    place = {"project": "Film", "sequence": "sq01", "shot": "010"}
    first, second = manager.trial("1-9", **place), manager.trial("2-3", **place)
    other = manager.trial(project="Film", shot="010")

    assert (first["version"], second["version"], other["version"]) == (1, 2, 1)
    assert first["shot_id"] == second["shot_id"] != other["shot_id"]
    assert (first["project"], first["sequence"], first["shot"]) == ("Film", "sq01", "010")
    shot = shot_of(manager, second)
    assert (shot["path"], shot["status"], shot["versions"]) == ("Film/sq01/010", "waiting", 2)
    assert shot["newest"] == {
        "version": 2,
        "job": second["id"],
        "state": "queued",
        "done": 0,
        "failed": 0,
        "total": 2,
    }
    assert listed(manager) == ["Film/010", "Film/sq01/010"]
    assert listed(manager, sequence="sq01") == ["Film/sq01/010"]
    assert listed(manager, sequence="") == ["Film/010"]
    assert listed(manager, project="film") == []


def test_job_of_a_project_alone_is_no_version(manager: Manager):
    job = manager.trial(project="Film")

    assert (job["project"], job["shot_id"], job["version"]) == ("Film", None, None)
    assert listed(manager) == []


def test_outputs_lie_below_project_sequence_and_shot(manager: Manager):
    job = manager.trial(project="Film", sequence="sq01", shot="010", name="v")

    below = manager.settings.outputs / "Film" / "sq01" / "010" / f"{job['id']:04d}-v"
    assert job["outputs_dir"] == str(below)


def test_jobs_that_come_at_once_get_different_versions(manager: Manager):
    with ThreadPoolExecutor(16) as pool:
        jobs = list(pool.map(lambda _: manager.trial(project="Film", shot="010"), range(32)))

    assert sorted(job["version"] for job in jobs) == list(range(1, 33))
    assert len({job["shot_id"] for job in jobs}) == 1


def test_number_of_a_deleted_version_is_not_used_again(manager: Manager):
    place = {"project": "Film", "shot": "010"}
    manager.trial(**place)
    second = manager.trial(**place)
    manager.http.delete(f"/api/jobs/{second['id']}").raise_for_status()

    assert manager.trial(**place)["version"] == 3
    assert shot_of(manager, second)["versions"] == 2


def test_job_that_is_known_by_its_fingerprint_is_no_new_version(manager: Manager):
    asked = {"project": "Film", "shot": "010", "fingerprint": "a" * 64}

    assert manager.trial(**asked)["id"] == manager.trial(**asked)["id"]
    assert manager.trial(project="Film", shot="010")["version"] == 2


def test_render_task_and_render_job_take_what_is_usual_for_their_shot(
    manager: Manager, blends: dict[str, bytes]
):
    shot = {"project": "Film", "sequence": "sq01", "name": "010", "frames": "3-5", "priority": 77}
    manager.http.post("/api/shots", json=shot).raise_for_status()
    place = {"project": "Film", "sequence": "sq01", "shot": "010"}
    blend = {"sha256": manager.upload(blends["plain"]), "name": "shot.blend"}

    tasks = [start(manager, blends["plain"], **place, **more) for more in ({}, {"frames": "9"})]
    body = {"kind": "render", "blend": blend, "settings": {"movie": "none"}, **place}
    job = manager.http.post("/api/jobs", json=body).raise_for_status().json()
    named = {**body, "settings": {"movie": "none", "frames": "1"}, "priority": 3}
    other = manager.http.post("/api/jobs", json=named).raise_for_status().json()

    jobs = [*(manager.job(task["job"]) for task in tasks), job, other]
    assert [one["settings"]["frames"] for one in jobs] == ["3-5", "9", "3-5", "1"]
    assert [one["priority"] for one in jobs] == [77, 77, 77, 3]
    assert [one["version"] for one in jobs] == [1, 2, 3, 4]
    wrong = manager.http.post("/api/render-tasks/run_task/?shot=010", content=blends["plain"])
    is_problem(wrong, 422, "shot_without_project")


HOSTILE = (
    "a/b",
    "..",
    ".",
    "\\\\server\\share",
    "C:",
    "con",
    "NUL.txt",
    " 010",
    "010 ",
    "010.",
    "a\x00b",
    "a\nb",
    "\u202e010",
    "x" * 101,
    "\ud800",
    "cafe\u0301",
    "*",
)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("part", ["project", "sequence", "shot"])
def test_name_that_is_no_folders_name_everywhere_is_refused(shared: Manager, part: str, name: str):
    place = {"project": "Hostile", "sequence": "sq", "shot": "s", part: name}
    body = {"kind": "trial", "settings": {"units": "1"}, **place}

    answer = shared.http.post(
        "/api/jobs",
        content=json_of(body),
        headers={"Content-Type": "application/json"},
    )

    assert is_problem(answer, 422, answer.json()["code"])["code"] in {"bad_name", "invalid_request"}
    assert shared.http.get("/api/jobs").json()["jobs"] == []
    assert listed(shared) == []


def json_of(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ({"shot": "010"}, "shot_without_project"),
        ({"sequence": "sq01"}, "sequence_without_shot"),
        ({"project": "Film", "sequence": "sq01"}, "sequence_without_shot"),
    ],
    ids=str,
)
def test_half_a_place_is_refused(shared: Manager, place: dict[str, str], code: str):
    body = {"kind": "trial", "settings": {"units": "1"}, **place}

    is_problem(shared.http.post("/api/jobs", json=body), 422, code)


@pytest.mark.parametrize(
    "place",
    [
        {"project": "film", "sequence": "sq01", "shot": "010a"},
        {"project": "Film", "sequence": "SQ01", "shot": "010a"},
        {"project": "Film", "sequence": "sq01", "shot": "010A"},
    ],
    ids=str,
)
def test_name_that_differs_in_capitals_only_is_refused(manager: Manager, place: dict[str, str]):
    manager.trial(project="Film", sequence="sq01", shot="010a")
    body = {"kind": "trial", "settings": {"units": "1"}, **place}

    told = is_problem(manager.http.post("/api/jobs", json=body), 409, "name_taken")

    assert "capitals" in told["detail"]
    assert listed(manager) == ["Film/sq01/010a"]
