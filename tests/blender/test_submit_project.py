"""`framefarm submit` of a .blend that links libraries, textures and tiles, by absolute paths."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from pathlib import Path

import OpenImageIO
import pytest

from framefarm.blender.blendfile import read_blend
from framefarm.blender.project import gather
from framefarm.core.tree_paths import TreePathError
from tests.blender.conftest import run_script
from tests.blender.pictures import same
from tests.integration.cli.processes import PROGRAM, Running, environment

SMALL = ["--resolution", "96x54", "--samples", "4", "--frames", "2"]


def paint(path: Path, colour: tuple[float, float, float]) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    buffer = OpenImageIO.ImageBuf(OpenImageIO.ImageSpec(8, 8, 3, "uint8"))
    OpenImageIO.ImageBufAlgo.fill(buffer, colour)
    assert buffer.write(str(path)), buffer.geterror()


@pytest.fixture
def project(tmp_path: Path, own_blender: object) -> Path:  # noqa: ARG001
    """A shot that links props by an absolute path, whose texture is absolute as well."""
    root = tmp_path / "at home" / "film"
    paint(root / "maps" / "wood.png", (0.9, 0.2, 0.1))
    for tile in (1001, 1002):
        paint(root / "maps" / f"wall.{tile}.png", (0.1, 0.3, 0.9))
    props = root / "assets" / "props.blend"
    shot = root / "shots" / "one" / "shot.blend"
    for folder in (props.parent, shot.parent):
        folder.mkdir(parents=True)
    wood = ["--texture", str(root / "maps" / "wood.png")]
    run_script("simple.py", str(props), *SMALL, *wood, "--compress")
    tiles = ["--texture", str(root / "maps" / "wall.<UDIM>.png"), "--texture-source", "TILED"]
    run_script("simple.py", str(shot), *SMALL, *tiles, "--link", str(props))
    return shot


def test_copy_finds_its_files_below_any_folder(project: Path, tmp_path: Path):
    copies = tmp_path / "copies"
    copies.mkdir()
    found = gather(project, read_blend(project).links, copies)
    elsewhere = tmp_path / "elsewhere"
    for place, source in found.files.items():
        (elsewhere / place).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / place).write_bytes(source.read_bytes())

    assert found.blend == "shots/one/shot.blend"
    assert set(found.files) == {
        "shots/one/shot.blend",
        "assets/props.blend",
        "maps/wood.png",
        "maps/wall.1001.png",
        "maps/wall.1002.png",
    }
    assert found.warnings == ()
    links = read_blend(elsewhere / found.blend).links
    assert {link.path for link in links} == {
        "//../../assets/props.blend",
        "//../../maps/wall.<UDIM>.png",
        "//../maps/wood.png",
    }
    files = {file for link in links for file in link.files}
    assert files == {elsewhere / place for place in found.files if place != found.blend}


@pytest.mark.parametrize("renamed", ["wo:od.png", "wood\\x.png"])
def test_name_that_others_could_not_have_is_told_before_anything_is_sent(
    project: Path, tmp_path: Path, renamed: str
):
    read = read_blend(project)
    wood = next(file for link in read.links for file in link.files if file.name == "wood.png")
    odd = wood.rename(wood.with_name(renamed))
    links = [
        dataclasses.replace(link, files=(odd,)) if wood in link.files else link
        for link in read.links
    ]

    with pytest.raises(TreePathError, match="Rename it"):
        gather(project, links, tmp_path)


def framefarm(home: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*PROGRAM, *map(str, words)],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_worker_elsewhere_renders_what_this_machine_would(
    far_manager: str, project: Path, tmp_path: Path
):
    home, own = tmp_path / "home", tmp_path / "own"
    framefarm(home, "render", project, "--output", own, "--movie", "none")

    first = framefarm(home, "submit", project, "--url", far_manager, "--movie", "none")
    again = framefarm(home, "submit", project, "--url", far_manager, "--movie", "none", "--json")
    job = json.loads(again.stdout.splitlines()[0])["job"]["id"]
    # From here on nobody has the files but the manager.
    lone = tmp_path / "lone.blend"
    lone.write_bytes(project.read_bytes())
    project.parents[3].rename(tmp_path / "away")
    worker = Running("worker", far_manager, "--name", "far", env=environment(tmp_path / "far"))
    try:
        framefarm(home, "watch", job, "--url", far_manager)
    finally:
        worker.kill()
    framefarm(home, "fetch", job, tmp_path / "fetched", "--url", far_manager)
    framefarm(home, "render", lone, "--output", tmp_path / "bare", "--movie", "none")

    assert re.search(r"Sent [\d.]+ (kB|MB) for 5 files of [\d.]+ (kB|MB)\.", first.stderr)
    ours, theirs, bare = (
        sorted((tmp_path / name).rglob("*.png")) for name in ("own", "fetched", "bare")
    )
    assert len(ours) == len(theirs) == len(bare) == 2
    assert all(map(same, ours, theirs))
    assert not any(map(same, ours, bare))
    assert "missing" not in first.stderr


def test_library_that_is_damaged_travels_as_it_is(far_manager: str, project: Path, tmp_path: Path):
    props = project.parents[2] / "assets" / "props.blend"
    props.write_bytes(b"no library any more")

    done = framefarm(tmp_path / "home", "submit", project, "--url", far_manager, "--json")

    assert json.loads(done.stdout.splitlines()[0])["job"]["state"] == "queued"
