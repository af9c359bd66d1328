"""The walk of docs/how-to/shots.md on a real farm; the shot's frames are the mix, bit for bit."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from framefarm.client import Farm
from tests.blender.conftest import MakeScene
from tests.blender.pictures import same
from tests.blender.test_farm_pixels import blender_alone
from tests.integration.api.shots import archive
from tests.integration.cli.processes import Running, environment

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "shots.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]
SCENE = ("--resolution", "96x54", "--frames", "4", "--samples")


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    """A manager and a worker."""
    env = environment(tmp_path / "home")
    serve = Running("serve", "--listen", "127.0.0.1:0", env=env)
    try:
        url = serve.wait_for("manager ready at").split()[3].rstrip(",")
        worker = Running("worker", url, "--name", "ants", env=env)
        try:
            serve.wait_for("worker_connected")
            with Farm(url) as made:
                yield made
        finally:
            worker.kill()
    finally:
        serve.kill()


def run(farm: Farm, folder: Path, line: str) -> str:
    """Run a line of the page in a folder; when it hands in a job, until that is done."""
    program, *words = shlex.split(line)
    assert program == "framefarm"
    told = subprocess.run(
        [str(Path(sys.executable).parent / program), *words],
        cwd=folder,
        env=environment(folder / "home") | {"FRAMEFARM_URL": farm.url, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, (line, told.stderr)
    if words[0] == "submit":
        job = next(iter(farm.jobs(limit=1)))
        for _ in farm.events(job.id):
            pass
        assert farm.job(job.id).state == "done"
    return told.stdout


def test_shot_is_the_mix_of_its_versions_pixel_for_pixel(
    farm: Farm, make_scene: MakeScene, tmp_path: Path
):
    versions = {1: make_scene(*SCENE, "2"), 2: make_scene(*SCENE, "5")}
    for number, blend in versions.items():
        blender_alone(blend, tmp_path / f"alone{number}", last=4)
    studio = tmp_path / "studio"
    studio.mkdir()

    submits = 0
    told: dict[str, str] = {}
    for line in COMMANDS:
        if line.startswith("framefarm submit"):
            submits += 1
            shutil.copyfile(versions[submits], studio / "shot.blend")
        told[line] = run(farm, studio, line)

    of = {1: 1, 2: 2, 3: 2, 4: 1}
    for frame, number in of.items():
        one = studio / "010" / f"shot_{frame:04d}.png"
        assert same(one, tmp_path / f"alone{number}" / f"{frame:04d}.png"), frame
        assert not same(one, tmp_path / f"alone{3 - number}" / f"{frame:04d}.png"), frame
    assert len(COMMANDS) == 18
    shown = told["framefarm shot show Film/sq01/010"]
    assert "shown       2-3 of version 2\n            1,4 of version 1\n" in shown
    assert "movie       of version 1; 2-3 made anew since\n" in shown
    [movie] = [file for file in farm.files(1) if file.role == "movie"]
    assert (studio / "010" / movie.name).stat().st_size == movie.size_bytes
    whole = f"{farm.url}/api/shots/1"
    assert httpx.get(f"{whole}/movie").content == (studio / "010" / movie.name).read_bytes()
    zipped = archive(httpx.get(f"{whole}/download", params={"what": "all"}))
    assert zipped == {file.name: file.read_bytes() for file in (studio / "010").iterdir()}
    assert "  The door flickers in 3.\n" in told["framefarm shot note Film/sq01/010"]
