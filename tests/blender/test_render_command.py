"""`framefarm render` with real Blender, as a person types it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import OpenImageIO
import pytest

from tests.integration.cli.processes import PROGRAM, Running, environment

SCENE = ("--resolution", "96x54", "--samples", "2", "--frames", "6")


@dataclass
class Ended:
    """A render that ended."""

    code: int
    lines: list[dict[str, Any]]
    err: str

    @property
    def frames(self) -> list[int]:
        """Frames finished by it."""
        return done_frames(self.lines)


def done_frames(lines: list[dict[str, Any]]) -> list[int]:
    return [
        line["unit"]
        for line in lines
        if (line["event"], line.get("kind"), line.get("state")) == ("unit", "render", "done")
    ]


@pytest.fixture(scope="module")
def scene(make_scene) -> Path:
    return make_scene(*SCENE)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "home")


@pytest.fixture
def render(tmp_path: Path, env: dict[str, str]):
    def run(path: Path, *words: str, **more: str) -> Ended:
        done = subprocess.run(
            [*PROGRAM, "render", str(path), "--output", str(tmp_path / "out"), "--json", *words],
            capture_output=True,
            text=True,
            env={**env, **more},
            timeout=150,
            check=False,
        )
        return Ended(
            done.returncode, [json.loads(x) for x in done.stdout.splitlines()], done.stderr
        )

    return run


def begin(path: Path, out: Path, env: dict[str, str], *words: str) -> Running:
    return Running("render", str(path), "--output", str(out), "--json", *words, env=env)


def test_a_percentage_makes_frames_of_that_size(render, scene: Path, tmp_path: Path):
    ended = render(scene, "--frames", "1", "--resolution", "50%", "--movie", "none")

    assert (ended.code, ended.frames) == (0, [1]), ended.err
    [frame] = (tmp_path / "out").glob("*.png")
    spec = OpenImageIO.ImageInput.open(str(frame)).spec()
    assert (spec.width, spec.height) == (48, 27)


def json_of(running: Running) -> list[dict[str, Any]]:
    return [json.loads(line) for line in running.lines if line.startswith("{")]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_frames_and_movie_appear_and_a_second_run_renders_nothing(render, scene, tmp_path):
    first = render(scene, "--frames", "1-4")
    second = render(scene, "--frames", "1-4")
    (tmp_path / "out" / "shot_0002.png").unlink()
    third = render(scene, "--frames", "1-4")
    fourth = render(
        scene, "--frames", "1,2-4", "--movie", "mp4", "--order", "sequential", "--strict"
    )

    assert fourth.code == 0
    assert fourth.frames == []  # the same in other words
    assert first.code == second.code == third.code == 0
    wanted = [f"shot_{n:04d}.png" for n in range(1, 5)]
    assert names(tmp_path / "out") == [".framefarm", "shot_0001-0004.mp4", *wanted]
    assert sorted(first.frames) == [1, 2, 3, 4]
    assert second.frames == third.frames == []
    assert not [line for line in second.lines if line["event"] == "job"]  # no farm, no Blender
    end = first.lines[-1]
    assert (end["event"], end["exit_code"], end["done"], end["rendered"]) == ("end", 0, 4, 4)
    assert end["movie"]["name"] == "shot_0001-0004.mp4"
    assert end["peak_memory_bytes"] > 0
    assert first.err == second.err == ""


def test_other_settings_are_another_render_of_the_same_folder(render, scene, tmp_path):
    def pixels() -> bytes:
        return (tmp_path / "out" / "shot_0001.png").read_bytes()

    render(scene, "--frames", "1", "--movie", "none")
    before = pixels()
    changed = render(scene, "--frames", "1", "--movie", "none", "--samples", "1")
    between = pixels()
    back = render(scene, "--frames", "1", "--movie", "none")

    assert changed.frames == [1]
    told = [line["text"] for line in changed.lines if line["event"] == "message"]
    assert any("not those of the last render here" in text for text in told)
    assert not any(line["event"] == "message" for line in back.lines)
    assert between != before
    assert back.frames == []
    assert pixels() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_stops_and_the_same_command_goes_on(render, scene, env, tmp_path, number):
    words = ("--frames", "1-6", "--movie", "none", "--samples", "64")
    running = begin(scene, tmp_path / "out", env, *words)
    try:
        running.wait_for('"state":"done"')
        code = running.stop(number)
    finally:
        running.kill()
    first = done_frames(json_of(running))
    rest = render(scene, *words)

    assert code == 130
    assert running.lines[-1].startswith("framefarm: interrupted; ")
    assert running.lines[-1].endswith("the same command goes on")
    assert rest.code == 0
    assert not set(first) & set(rest.frames)
    assert len(first) + rest.lines[-1]["rendered"] <= 6
    assert rest.lines[-1]["done"] == 6


def test_after_kill_9_no_finished_frame_is_rendered_twice(render, scene, env, tmp_path):
    words = ("--frames", "1-6", "--movie", "none", "--samples", "64")
    running = begin(scene, tmp_path / "out", env, *words)
    try:
        running.wait_for('"state":"done"')
        running.wait_for('"state":"done"')
        code = running.stop(signal.SIGKILL)
    finally:
        running.kill()
    first = done_frames(json_of(running))
    rest = render(scene, *words)

    assert code == -signal.SIGKILL
    assert rest.code == 0
    assert not set(first) & set(rest.frames)
    assert rest.lines[-1]["done"] == 6
    assert len(list((tmp_path / "out").glob("shot_*.png"))) == 6


def test_two_renders_in_one_folder_are_not_possible(render, scene, env, tmp_path):
    running = begin(scene, tmp_path / "out", env, "--frames", "1-6", "--samples", "64")
    try:
        running.wait_for('"event":"job"')
        second = render(scene, "--frames", "1-2")
        code = running.stop(signal.SIGINT)
    finally:
        running.kill()

    assert second.code == 2
    assert "is being rendered into by another framefarm" in second.err
    assert code == 130


@pytest.fixture
def fake_blender(tmp_path: Path) -> Iterator[Path]:
    """Says that it is Blender 5.0 and ends whenever it is started."""
    path = tmp_path / "fake" / "blender"
    path.parent.mkdir()
    path.write_text(
        '#!/bin/sh\ncase "$*" in *--version*) echo "Blender 5.0.1"; exit 0;; esac\n'
        'echo "no display, no luck" >&2\nexit 7\n'
    )
    path.chmod(0o755)
    return path


def test_a_blender_that_ends_at_once_is_one_message_and_status_1(
    render, scene, fake_blender, tmp_path
):
    ended = render(scene, FRAMEFARM_BLENDERS=str(fake_blender))

    assert ended.code == 1
    assert ended.frames == []
    assert ended.err.startswith("framefarm: error: no frame can be rendered; the first 3 tried")
    assert "no display, no luck" in ended.err
    assert ended.err.count("\n") == 1
    assert not list((tmp_path / "out").glob("*.png"))


def test_a_missing_texture_is_a_warning_or_with_strict_an_error(render, make_scene, tmp_path):
    path = make_scene(*SCENE, "--texture", str(tmp_path / "nowhere" / "wood.png"))
    refused = render(path, "--strict", "--frames", "1")

    assert refused.code == 2
    assert "wood.png" in refused.err
    assert not (tmp_path / "out").exists()
    rendered = render(path, "--frames", "1", "--movie", "none")
    warnings = [line["text"] for line in rendered.lines if line["event"] == "message"]

    assert rendered.code == 0
    assert rendered.frames == [1]
    assert len(warnings) == 1
    assert "wood.png" in warnings[0]


def cut_off(scene: Path, folder: Path) -> Path:
    path = folder / "cut.blend"
    path.write_bytes(scene.read_bytes()[:-20_000])
    return path


def of_the_future(scene: Path, folder: Path) -> Path:
    path = folder / "future.blend"
    path.write_bytes(scene.read_bytes().replace(b"v0500", b"v0909", 1))
    return path


def no_blend(_: Path, folder: Path) -> Path:
    path = folder / "notes.blend"
    path.write_text("hello")
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (no_blend, "is not a .blend file"),
        (cut_off, "is cut off"),
        (of_the_future, "install one with: framefarm blender install 9.9"),
    ],
    ids=["no_blend", "cut_off", "of_the_future"],
)
def test_a_file_that_cannot_be_rendered_leaves_nothing_behind(
    render, scene, tmp_path, make, message
):
    ended = render(make(scene, tmp_path))

    assert ended.code == 2
    assert message in ended.err
    assert ended.err.count("\n") == 1
    assert ended.lines == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scene", "Nope"], "has no scene 'Nope'"),
        (["--camera", "Nope"], "has no camera 'Nope'"),
        (["--blender", "1.1"], "Blender 1.1 is not on this machine"),
    ],
    ids=["scene", "camera", "blender"],
)
def test_names_that_do_not_exist_leave_earlier_frames_alone(
    render, scene, tmp_path, words, message
):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "shot_0001.png").write_text("mine")
    ended = render(scene, *words)

    assert ended.code == 2
    assert message in ended.err
    assert ended.lines == []
    assert names(tmp_path / "out") == ["shot_0001.png"]


FILLING_DISK = """
import shutil, sys
from framefarm.cli.embedded import place
from framefarm.cli.running import run

class Shutil:
    rmtree = staticmethod(shutil.rmtree)
    looks = 0

    def disk_usage(self, path):
        self.looks += 1
        found = shutil.disk_usage(path)
        return found if self.looks == 1 else found._replace(free=1_000_000)

place.shutil = Shutil()
sys.exit(run(sys.argv[1:]))
"""


def test_a_disk_that_fills_up_ends_the_render_with_one_message(scene, env, tmp_path):
    """The disk is full from the second look on."""
    command = [sys.executable, "-c", FILLING_DISK, "render", str(scene), "--samples", "256"]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=env,
        timeout=100,
        check=False,
    )

    assert done.returncode == 2
    assert "is full (1.0 MB free" in done.stderr
    assert done.stderr.count("\n") == 1
