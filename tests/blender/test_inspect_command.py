"""`framefarm inspect` and the doctor's look at Blender, with files and a Blender that are real."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framefarm.cli.doctor.blenders import check_blender
from framefarm.cli.running import run

SCENE = ("--resolution", "96x54", "--samples", "2", "--frames", "6")


@pytest.fixture
def inspect(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def call(path: Path, *words: str) -> str:
        assert run(["inspect", str(path), *words]) == 0
        return capsys.readouterr().out

    return call


def test_inspect_tells_all_of_a_scene_in_80_columns(inspect, make_scene):
    lines = inspect(make_scene(*SCENE)).splitlines()[1:]

    assert max(map(len, lines)) <= 80
    assert lines == [
        "  saved by Blender 5.0, not compressed",
        "",
        "Scene Scene",
        "  frames      1-6 (6 frames, 0.2 s)",
        "  rate        24 frames per second",
        "  size        96x54 (100 % of 96x54)",
        "  engine      CYCLES, 2 samples",
        "  camera      Camera",
        "  output      PNG, RGBA, 8 bit",
        "              as shot_0001.png",
        "",
        "It links no other files.",
    ]


def test_inspect_marks_what_is_missing(inspect, make_scene, tmp_path):
    path = make_scene(*SCENE, "--texture", str(tmp_path / "nowhere" / "wood.png"))
    text = inspect(path)
    told = json.loads(inspect(path, "--json"))

    assert "It links 1 file, 1 of them missing:" in text
    assert any(line.startswith("  MISSING  image      ") for line in text.splitlines())
    assert [(link["kind"], link["missing"]) for link in told["links"]] == [("image", True)]


def test_inspect_as_json(inspect, make_scene):
    told = json.loads(inspect(make_scene(*SCENE), "--json"))

    assert told["saved_by"] == "5.0"
    [scene] = told["scenes"]
    assert (scene["frames"], scene["frame_start"], scene["frame_end"]) == (6, 1, 6)
    assert (scene["width"], scene["height"], scene["fps"]) == (96, 54, "24")
    assert (scene["engine"], scene["samples"], scene["cameras"]) == ("CYCLES", 2, ["Camera"])


def test_the_doctor_renders_with_a_blender_that_works(own_blender):
    finding = check_blender(own_blender)

    assert finding.ok, finding
    assert "test frame in" in finding.text


def test_the_doctor_tells_of_a_blender_that_does_not(own_blender, tmp_path):
    path = tmp_path / "blender"
    path.write_text("#!/bin/sh\necho no display, no luck >&2\nexit 7\n")
    path.chmod(0o755)
    broken = type(own_blender)("executable", own_blender.version, "5.0.1", path)
    finding = check_blender(broken)

    assert not finding.ok
    assert "exit code 7" in finding.text
    assert "no display, no luck" in finding.text
