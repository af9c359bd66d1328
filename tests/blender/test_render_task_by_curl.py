"""A customer's way with nothing but curl: one .blend in, its movie out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import OpenImageIO
import pytest

from tests.integration.cli.processes import Running, environment

PATIENCE_S = 90.0


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[str]:
    """A manager and a worker as people start them; the manager's address."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed here")
    env = environment(tmp_path / "home")
    manager = Running("serve", "--listen", "127.0.0.1:0", env=env)
    worker = None
    try:
        line = manager.wait_for("http://127.0.0.1:")
        url = re.search(r"http://127\.0\.0\.1:\d+", line)[0]  # type: ignore[index]
        worker = Running("worker", url, env=env)
        yield url
    finally:
        if worker is not None:
            worker.kill()
        manager.kill()


def curl(*words: str) -> str:
    program = shutil.which("curl") or "curl"
    command = [program, "--silent", "--show-error", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_movie_and_frames_come_by_curl(farm: str, make_scene: Any, tmp_path: Path):
    scene = make_scene("--resolution", "96x54", "--samples", "2", "--frames", "6")
    tasks = f"{farm}/api/render-tasks"

    started = json.loads(curl("--form", f"blend=@{scene}", f"{tasks}/run_task/"))

    task = f"{tasks}/{started['TaskKey']}"
    progress = _until_done(task)
    assert progress["state"] == "done"
    assert (progress["total"]["done"], progress["total"]["progress"]) == (8, 1.0)

    movie = tmp_path / "movie.mp4"
    curl("--fail", "--output", str(movie), f"{task}/download")
    with av.open(str(movie)) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(96, 54)] * 6

    second_half = tmp_path / "rest.mp4"
    size = movie.stat().st_size
    curl("--fail", "--range", f"{size // 2}-", "--output", str(second_half), f"{task}/download")
    assert second_half.read_bytes() == movie.read_bytes()[size // 2 :]

    archive = tmp_path / "frames.zip"
    curl("--fail", "--output", str(archive), f"{task}/download?what=frames")
    with zipfile.ZipFile(archive) as found:
        found.extractall(tmp_path / "frames")
    pictures = sorted((tmp_path / "frames").iterdir())
    assert len(pictures) == 6
    spec = OpenImageIO.ImageBuf(str(pictures[0])).spec()
    assert (spec.width, spec.height) == (96, 54)


def _until_done(task: str) -> dict[str, Any]:
    """Ask for the progress as a script does, until the task is over; it never goes back."""
    deadline, before = time.monotonic() + PATIENCE_S, 0.0
    while time.monotonic() < deadline:
        progress: dict[str, Any] = json.loads(curl("--fail", f"{task}/progress"))
        assert progress["total"]["progress"] >= before
        before = progress["total"]["progress"]
        if progress["state"] not in {"queued", "running"}:
            return progress
        time.sleep(0.2)
    raise AssertionError(f"not done in time: {progress}")
