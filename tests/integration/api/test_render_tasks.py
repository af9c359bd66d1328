"""`/api/render-tasks`: one .blend in, a key out, and all else by the key."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from framefarm.core.spans import Spans
from tests.integration.api.manager import Manager, is_problem, picture, until

RUN = "/api/render-tasks/run_task/"
PNG = picture(320, 180)


def start(manager: Manager, blend: bytes, **asked: Any) -> dict[str, Any]:
    """Start a task by a form."""
    files = {"blend": ("shot.blend", blend)}
    fields = {"movie": "none", **{name: str(value) for name, value in asked.items()}}
    answer = manager.http.post(RUN, files=files, data=fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def delete(manager: Manager, task: dict[str, Any]) -> None:
    assert manager.http.delete(f"/api/jobs/{task['job']}").status_code == 204


def progress(manager: Manager, task: dict[str, Any]) -> dict[str, Any]:
    return dict(manager.http.get(task["progress"]).raise_for_status().json())


def left_over(manager: Manager) -> list[Path]:
    return list((manager.settings.blobs / "incoming").iterdir())


def test_blend_in_a_form_becomes_a_job_with_a_key(shared: Manager, blends: dict[str, bytes]):
    task = start(shared, blends["plain"], frames="1-4", samples=2, priority=70, name="Opening")

    assert len(task["TaskKey"]) == 22
    assert task["progress"] == f"/api/render-tasks/{task['TaskKey']}/progress"
    job = shared.job(task["job"])
    assert (job["name"], job["priority"]) == ("Opening", 70)
    assert (job["settings"]["frames"], job["settings"]["samples"]) == ("1-4", 2)
    assert job["settings"]["blend"] == "shot.blend"
    delete(shared, task)


def test_what_a_blend_that_comes_alone_links_is_missing(shared: Manager, blends: dict[str, bytes]):
    """Its frames would come out without it, and nobody would be told."""
    task = start(shared, blends["linking"], frames="1")
    strict = shared.http.post(
        RUN, files={"blend": ("shot.blend", blends["linking"])}, data={"strict": "true"}
    )

    [told] = task["warnings"]
    assert told.startswith("1 linked file of shot.blend is missing: //textures/wood.png.")
    assert told.endswith(" Pack what it links into shot.blend, or send all in one .zip.")
    assert shared.job(task["job"])["warnings"] == [told]
    assert is_problem(strict, 422, "missing_files")["detail"] == told
    assert start(shared, blends["plain"], frames="1", strict=True)["warnings"] == []
    for job in shared.http.get("/api/jobs").json()["jobs"]:
        delete(shared, {"job": job["id"]})


@pytest.mark.parametrize("path", [RUN, RUN.rstrip("/")])
@pytest.mark.parametrize("kind", ["application/octet-stream", "application/x-www-form-urlencoded"])
def test_blend_as_it_is_becomes_a_job_too(
    shared: Manager, blends: dict[str, bytes], path: str, kind: str
):
    """The second kind is what `curl --data-binary` says, whatever it sends."""
    answer = shared.http.post(
        f"{path}?file_name=C:\\work\\shot.blend&frames=7",
        content=blends["plain"],
        headers={"Content-Type": kind},
    )

    assert answer.status_code == 201, answer.text
    task = answer.json()
    assert answer.headers["location"] == task["progress"]
    job = shared.job(task["job"])
    assert (job["name"], job["settings"]["frames"]) == ("shot", "7")
    delete(shared, task)


def test_blend_of_unknown_length_is_taken(shared: Manager, blends: dict[str, bytes]):
    content = blends["plain"]
    pieces = (content[at : at + 50_000] for at in range(0, len(content), 50_000))

    answer = shared.http.post(f"{RUN}?frames=1", content=pieces)

    assert answer.status_code == 201, answer.text
    assert shared.job(answer.json()["job"])["name"] == "scene"
    delete(shared, answer.json())


def test_form_comes_before_the_query(shared: Manager, blends: dict[str, bytes]):
    files = {"blend": ("shot.blend", blends["plain"])}

    answer = shared.http.post(f"{RUN}?frames=1&priority=9", files=files, data={"frames": "2"})

    job = shared.job(answer.json()["job"])
    assert (job["settings"]["frames"], job["priority"]) == ("2", 9)
    delete(shared, answer.json())


def test_form_says_when_it_is_to_be_done_and_by_whom(shared: Manager, blends: dict[str, bytes]):
    wanted = {"pool": "friends", "min_memory_bytes": 1 << 30, "gpu": "true"}

    task = start(
        shared,
        blends["plain"],
        max_workers=3,
        deadline="2999-12-01T18:00:00+01:00",
        **wanted,
    )

    job = shared.job(task["job"])
    assert (job["max_workers"], job["deadline"]) == (3, "2999-12-01T17:00:00+00:00")
    assert job["requires"] == {**wanted, "tags": [], "gpu": True}
    delete(shared, task)


def test_progress_tells_stage_total_and_each_workers_share(
    shared: Manager, blends: dict[str, bytes]
):
    task = start(shared, blends["plain"], frames="1-4", movie="mp4")
    waiting = progress(shared, task)
    assert waiting["state"] == "queued"
    assert waiting["stage"] == {
        "kind": "render",
        "state": "ready",
        "done": 0,
        "failed": 0,
        "total": 4,
        "progress": 0.0,
    }
    assert (waiting["total"]["total"], waiting["workers"]) == (6, [])

    with shared.worker(name="box", boot_id="box") as worker:
        lease = worker.lease()
        assert worker.put(lease, ("shot_0001.png", "image", PNG)).status_code == 200
        second = worker.lease()
        steps = {"done": 1, "total": 4, **{k: second[k] for k in ("lease", "stage", "attempt")}}
        worker.hears({"type": "progress", "unit": 2, **steps})

        told = until(lambda: _with_done(progress(shared, task), 1), "the count of results")

    assert (told["state"], told["stage"]["progress"]) == ("running", 0.25)
    assert told["total"]["progress"] == round(1 / 6, 4)
    units = 1 + len(Spans.parse(second["units"]))
    assert told["workers"] == [
        {
            "worker": "box",
            "units": units,
            "share": units / 4,
            "done": 1,
            "at": [2],
            "progress": round(1.25 / units, 4),
        }
    ]
    delete(shared, task)


def _with_done(told: dict[str, Any], done: int) -> dict[str, Any] | None:
    """Progress, once the count of results is that new."""
    return told if [one["done"] for one in told["workers"]] == [done] else None


def test_task_goes_with_its_job(shared: Manager, blends: dict[str, bytes]):
    task = start(shared, blends["plain"], frames="1")
    delete(shared, task)

    is_problem(shared.http.get(task["progress"]), 404, "no_such_task")
    is_problem(shared.http.get(task["download"]), 404, "no_such_task")


def test_unknown_key_is_refused(shared: Manager):
    is_problem(shared.http.get("/api/render-tasks/never-given/progress"), 404, "no_such_task")
    is_problem(shared.http.get("/api/render-tasks/never-given/download"), 404, "no_such_task")


FORM = "multipart/form-data; boundary=x"
FILE = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.blend"\r\n\r\nBLENDER\r\n'
FIELD = b'--x\r\nContent-Disposition: form-data; name="frames"\r\n\r\n1-3\r\n'
END = b"--x--\r\n"


@pytest.mark.parametrize(
    ("kind", "body", "code", "told"),
    [
        ("application/octet-stream", b"", "blend_not_a_blend", "scene.blend: is empty"),
        ("image/png", PNG, "blend_not_a_blend", "scene.blend: is not a .blend"),
        ("text/plain", b"BLENDER-v405 and no more", "blend_truncated", "scene.blend: "),
        ("multipart/form-data", FILE + END, "bad_form", "no boundary"),
        (FORM, b"", "bad_form", "no end"),
        (FORM, END, "bad_form", "must have one file, this one has 0"),
        (FORM, FILE, "bad_form", "no end"),
        (FORM, FILE[:60], "bad_form", "no end"),
        (FORM, FIELD + END, "bad_form", "must have one file, this one has 0"),
        (FORM, FILE + FILE + END, "bad_form", "must have one file, this one has 2"),
        (FORM, FILE + FIELD + FIELD + END, "bad_form", "'frames' twice"),
        (FORM, FILE + FIELD.replace(b"1-3", b"1" * 70_000) + END, "bad_form", "65,536"),
        (FORM, FILE + FIELD.replace(b"frames", b"framse") + END, "invalid_request", "form.framse"),
        (FORM, FILE + END, "blend_damaged", "a.blend: "),
        (FORM, b"BLENDER-v405", "bad_form", "cannot be read"),
    ],
)
def test_what_is_no_blend_is_refused_and_nothing_stays(
    shared: Manager, kind: str, body: bytes, code: str, told: str
):
    answer = shared.http.post(RUN, content=body, headers={"Content-Type": kind})

    assert told in is_problem(answer, 422, code)["detail"]
    assert str(shared.settings.data_dir) not in answer.text
    assert left_over(shared) == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"frames": "abc"}, "bad_frames"),
        ({"frames": "9-1"}, "bad_frames"),
        ({"samples": "many"}, "invalid_request"),
        ({"priority": "101"}, "invalid_request"),
        ({"movie": "gif"}, "invalid_request"),
        ({"format": "BMPX"}, "bad_format"),
        ({"scene": "None such"}, "unknown_scene"),
        ({"camera": "None such"}, "unknown_camera"),
        ({"resolution": "0x0"}, "bad_format"),
        ({"blender": "five"}, "invalid_request"),
    ],
)
def test_wish_that_cannot_be_met_is_refused(
    shared: Manager, blends: dict[str, bytes], asked: dict[str, str], code: str
):
    jobs = len(shared.http.get("/api/jobs").json()["jobs"])

    answer = shared.http.post(RUN, files={"blend": ("a.blend", blends["plain"])}, data=asked)

    is_problem(answer, 422, code)
    assert len(shared.http.get("/api/jobs").json()["jobs"]) == jobs


@pytest.mark.parametrize("announced", [True, False])
def test_too_large_a_file_is_refused_before_it_has_come(tmp_path: Path, *, announced: bool):
    manager = Manager(tmp_path, largest_upload_bytes=100_000)
    try:
        body = b"BLENDER" * 50_000
        answer = manager.http.post(RUN, content=body if announced else iter([body]))
        is_problem(answer, 413, "too_large")
        assert left_over(manager) == []
    finally:
        manager.close()


def test_full_disk_is_told(tmp_path: Path):
    manager = Manager(tmp_path, low_water_bytes=1 << 62)
    try:
        is_problem(manager.http.post(RUN, content=b"BLENDER"), 507, "disk_full")
        assert left_over(manager) == []
    finally:
        manager.close()


def test_upload_that_breaks_off_leaves_nothing(shared: Manager, blends: dict[str, bytes]):
    url = httpx.URL(shared.server.url)
    connection = http.client.HTTPConnection(url.host, url.port or 80, timeout=60)
    connection.putrequest("POST", RUN)
    connection.putheader("Content-Length", str(len(blends["plain"])))
    connection.endheaders(blends["plain"][:200_000])
    until(lambda: left_over(shared), "the beginning of the upload")

    connection.close()

    until(lambda: not left_over(shared), "the end of the upload")


def test_api_describes_both_ways_in(shared: Manager):
    described = json.loads(shared.http.get("/api/openapi.json").content)

    content = described["paths"][RUN]["post"]["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "application/octet-stream"}
