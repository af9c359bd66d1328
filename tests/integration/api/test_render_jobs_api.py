"""Submitting a .blend: what the file says, what the customer asks, and what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framefarm.farm.render_jobs import RenderRequest, plan_render_job
from framefarm.protocol import ResultFile, ResultManifest, encode_manifest
from framefarm.protocol.manifest import decode_manifest
from tests.integration.api.bad_files import writes_to
from tests.integration.api.manager import Manager, is_problem


@pytest.fixture(scope="module")
def uploaded(shared: Manager, blends: dict[str, bytes]) -> dict[str, str]:
    return {name: shared.upload(content) for name, content in blends.items()}


def submit(
    manager: Manager, sha256: str, blend: dict[str, Any] | None = None, **settings: Any
) -> Any:
    body = {
        "kind": "render",
        "blend": {"sha256": sha256, "name": "shot.blend", **(blend or {})},
        "settings": settings,
    }
    return manager.http.post("/api/jobs", json=body)


def accepted(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_file_is_rendered_as_it_says(shared: Manager, uploaded: dict[str, str]):
    view = accepted(submit(shared, uploaded["plain"]))

    settings = view["settings"]
    assert view["name"] == "shot"
    assert [(stage["kind"], stage["total"]) for stage in view["stages"]] == [
        ("render", 250),
        ("movie", 6),
        ("join", 1),
    ]
    assert (settings["frames"], settings["scene"], settings["camera"]) == (
        "1-250",
        "Scene",
        "Camera",
    )
    assert (settings["width"], settings["height"], settings["fps"]) == (320, 180, "24")
    assert (settings["file_format"], settings["movie"], settings["samples"]) == ("PNG", "mp4", 8)
    assert settings["blender"] == ""  # until a worker that has one comes


def test_what_is_asked_for_comes_first(shared: Manager, uploaded: dict[str, str]):
    asked = {
        "frames": "1-9x4,20",
        "camera": "Above",
        "samples": 2,
        "resolution": "50%",
        "format": "EXR",
        "movie": "none",
        "order": "spread",
    }

    view = accepted(submit(shared, uploaded["plain"], **asked))

    settings = view["settings"]
    assert [(stage["kind"], stage["total"]) for stage in view["stages"]] == [("render", 4)]
    assert (settings["frames"], settings["camera"]) == ("1-9x4,20", "Above")
    assert (settings["width"], settings["height"]) == (160, 90)
    assert settings["file_format"] == "OPEN_EXR"
    assert (settings["movie"], settings["order"]) == ("none", "spread")


def test_another_scene_brings_its_own_frames(shared: Manager, uploaded: dict[str, str]):
    view = submit(shared, uploaded["plain"], scene="Titles", frames="5")

    is_problem(view, 422, "no_camera")


def test_an_exact_resolution_is_the_pictures_own(shared: Manager, uploaded: dict[str, str]):
    settings = accepted(submit(shared, uploaded["plain"], resolution="640x360"))["settings"]

    assert (settings["width"], settings["height"]) == (640, 360)


def test_a_scene_that_writes_a_movie_is_rendered_as_stills_and_joined(
    shared: Manager, uploaded: dict[str, str]
):
    view = accepted(submit(shared, uploaded["film"]))

    assert view["settings"]["frames"] == "1-9x2"
    assert (view["settings"]["movie"], view["settings"]["fps"]) == ("mp4", "25")
    assert view["settings"]["file_format"] == "PNG"
    assert [(stage["kind"], stage["total"]) for stage in view["stages"]] == [
        ("render", 5),
        ("movie", 1),
        ("join", 1),
    ]


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ({"scene": "Nowhere"}, "unknown_scene", "it has: Scene, Titles"),
        ({"camera": "Nobody"}, "unknown_camera", "Above, Camera"),
        ({"frames": "5-1"}, "bad_frames", "1-5"),
        ({"frames": "1,,2"}, "bad_frames", "comma"),
        ({"frames": "1-1000000000"}, "bad_frames", ""),
        ({"frames": "1x0"}, "bad_frames", ""),
        ({"frames": "a"}, "bad_frames", "1-250"),
        ({"resolution": "0x5"}, None, ""),
        ({"resolution": "big"}, None, "1920x1080"),
        ({"resolution": "0%"}, None, ""),
        ({"format": "GIF87"}, None, "PNG"),
        ({"format": "FFMPEG"}, None, ""),
    ],
)
def test_what_cannot_be_is_refused_and_said(
    shared: Manager, uploaded: dict[str, str], asked: dict[str, Any], code: str | None, said: str
):
    answer = submit(shared, uploaded["plain"], **asked)

    told = is_problem(answer, 422, code or answer.json()["code"])
    assert told["code"] not in {"error", "invalid_request"}
    assert said in told["detail"]


def test_a_file_without_a_camera_is_refused(shared: Manager, uploaded: dict[str, str]):
    told = is_problem(submit(shared, uploaded["blind"]), 422, "no_camera")

    assert told["detail"].endswith("has no active camera. Set one in Blender.")


def test_missing_files_are_warned_of_or_refused(shared: Manager, uploaded: dict[str, str]):
    blend = {"missing": ["//textures/wood.png"]}

    view = accepted(submit(shared, uploaded["plain"], blend))
    assert view["warnings"] == ["1 linked file of shot.blend is missing: //textures/wood.png."]
    is_problem(submit(shared, uploaded["plain"], blend, strict=True), 422, "missing_files")


@pytest.mark.parametrize("content", [b"", b"text", b"BLENDER", b"BLENDER-v500" + b"\0" * 50])
def test_what_is_no_blend_is_refused(shared: Manager, content: bytes):
    answer = submit(shared, shared.upload(content))

    told = is_problem(answer, 422, answer.json()["code"])
    assert told["code"] not in {"error", "invalid_request", "internal"}


def test_a_truncated_file_is_refused(shared: Manager, blends: dict[str, bytes]):
    answer = submit(shared, shared.upload(blends["plain"][: len(blends["plain"]) // 2]))

    assert is_problem(answer, 422, answer.json()["code"])["code"] not in {"error", "internal"}


def test_the_blender_is_chosen_when_a_worker_that_has_one_comes(
    manager: Manager, blends: dict[str, bytes]
):
    view = accepted(submit(manager, manager.upload(blends["plain"]), frames="1-2", movie="none"))
    offered = [
        {"slot": "cpu", "kinds": ["render"], "blenders": [{"version": version}]}
        for version in ("3.6", "5.1")
    ]
    with manager.worker(slots=[{**offered[0], "slot": "old"}]) as old:
        assert old.hears({"type": "ready", "slot": "old"}) == []
        with manager.worker(slots=[offered[1]]) as new:
            new.say({"type": "ready", "slot": "cpu"})
            task = new.hear("task")

    assert task["settings"]["blender"] == "5.1"
    assert manager.job(view["id"])["settings"]["blender"] == "5.1"


def test_workers_that_cannot_read_the_file_are_said_at_once(
    manager: Manager, blends: dict[str, bytes]
):
    slots = [{"slot": "cpu", "kinds": ["render"], "blenders": [{"version": "2.93"}]}]
    with manager.worker(slots=slots):
        answer = submit(manager, manager.upload(blends["plain"]))

    told = is_problem(answer, 422, answer.json()["code"])
    assert "5.0" in told["detail"]
    assert manager.http.get("/api/jobs").json()["jobs"] == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("//a:b_##", "a_b_01-09.mp4"),
        ("C:\\film\\a*b_", "a_b_0001-0009.mp4"),
        ("//a\u202eb", "a_b0001-0009.mp4"),
        ("//a\nb", "a_b0001-0009.mp4"),
        ("//..", "..0001-0009.mp4"),
        ("", "0001-0009.mp4"),
    ],
)
def test_movie_has_a_name_that_its_result_may_have(
    blends: dict[str, bytes], tmp_path: Path, path: str, name: str
):
    """Else it would be refused when all frames are rendered."""
    file = tmp_path / "film.blend"
    file.write_bytes(writes_to(path.encode())(blends["film"]))

    planned = plan_render_job(
        RenderRequest("0" * 64, "film.blend", frames="1-9"), file, versions=[]
    )

    assert planned.stages[-1].settings["name"] == name
    movie = ResultFile(name, "movie", "0" * 64, 1)
    decode_manifest(encode_manifest(ResultManifest(1, 1, (movie,))))


def test_engine_is_known_however_it_is_typed(shared: Manager, uploaded: dict[str, str]):
    view = accepted(submit(shared, uploaded["plain"], engine="workbench"))

    assert view["settings"]["engine"] == "WORKBENCH"
