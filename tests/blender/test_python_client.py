"""The programs of docs/tutorial/python.md, run as they stand there against a farm with Blender."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blender.conftest import run_script
from tests.integration.cli.processes import Running, environment

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "python.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
IN_THE_PAGE = "http://127.0.0.1:7070"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, own_blender: object) -> Iterator[Path]:  # noqa: ARG001
    """A folder with shot.blend, and a farm of a manager and a worker; `url` tells where."""
    folder = tmp_path_factory.mktemp("studio")
    small = ["--resolution", "96x54", "--samples", "2", "--frames", "6"]
    run_script("simple.py", str(folder / "shot.blend"), *small)
    env = environment(folder / "home")
    serve = Running("serve", "--listen", "127.0.0.1:0", env=env)
    try:
        url = serve.wait_for("manager ready at").split()[3].rstrip(",")
        worker = Running("worker", url, "--name", "ants", env=env)
        try:
            serve.wait_for("worker_connected")
            (folder / "url").write_text(url)
            yield folder
        finally:
            worker.kill()
    finally:
        serve.kill()


def run(studio: Path, number: int) -> list[str]:
    """Run one of the page's programs; its lines."""
    program = EXAMPLES[number]
    assert IN_THE_PAGE in program
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", program.replace(IN_THE_PAGE, _url(studio))],
        cwd=studio,
        env={**os.environ, "FRAMEFARM_TOKEN": ""},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert told.stderr == ""
    return told.stdout.splitlines()


def _url(studio: Path) -> str:
    return (studio / "url").read_text()


def test_every_program_of_the_page_is_run():
    assert len(EXAMPLES) == 5


def test_frames_appear_as_they_are_rendered(studio: Path):
    first, *files = run(studio, 0)

    assert re.fullmatch(r"job \d+ is \w+", first)
    assert {line.split()[1] for line in files} == {"fetched"}
    names = [Path(line.split()[0]).name for line in files]
    assert sum(name.endswith(".png") for name in names) == 3
    # In whatever order: where all was done before it began to look, the movie may be the first.
    assert sum(name.endswith(".mp4") for name in names) == 1
    assert all((studio / line.split()[0]).stat().st_size > 0 for line in files)


def test_events_tell_how_far_it_is(studio: Path):
    lines = run(studio, 1)

    assert lines[0] == "shot: queued" or lines[0].startswith("shot: ")
    assert sum("done in" in line for line in lines) == 2
    assert lines[-2:] == ["that is all", "done"]


def test_many_at_once(studio: Path):
    lines = run(studio, 2)

    assert lines[-1] == "[2, 1]"
    assert len(list((studio / "frames").rglob("*.png"))) >= 3


def test_error_says_what_is_wrong(studio: Path):
    [line] = run(studio, 3)

    assert "no_such_job False" in line


def test_who_asks(studio: Path):
    lines = run(studio, 4)

    assert lines[0] == "nobody in particular, on the manager's own machine"
    assert lines[1].split()[1:] == ["done", "shot"]
