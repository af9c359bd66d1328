"""A customer's way with nothing but curl: a .blend or a .zip in, its movie out."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import OpenImageIO
import pytest

from tests.blender.by_curl import curl, farm_at_work, until_done
from tests.blender.conftest import run_script
from tests.blender.pictures import same
from tests.blender.test_submit_project import framefarm, paint


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[str]:
    """A manager and a worker as people start them; the manager's address."""
    with farm_at_work(tmp_path) as url:
        yield url


def test_movie_and_frames_come_by_curl(farm: str, make_scene: Any, tmp_path: Path):
    scene = make_scene("--resolution", "96x54", "--samples", "2", "--frames", "6")
    tasks = f"{farm}/api/render-tasks"

    started = json.loads(curl("--form", f"blend=@{scene}", f"{tasks}/run_task/"))

    task = f"{tasks}/{started['TaskKey']}"
    progress = until_done(task)
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


SMALL = ["--resolution", "96x54", "--samples", "4", "--frames", "2"]


def write_film(root: Path, wood: str, tiles: str, props: str) -> Path:
    """A shot that links props with a texture, and tiles, by whatever paths; the shot."""
    paint(root / "maps" / "Wood.png", (0.9, 0.2, 0.1))
    for tile in (1001, 1002):
        paint(root / "maps" / f"wall.{tile}.png", (0.1, 0.3, 0.9))
    library, shot = root / "assets" / "props.blend", root / "shots" / "one.blend"
    for folder in (library.parent, shot.parent):
        folder.mkdir(parents=True)
    run_script("simple.py", str(library), *SMALL, "--texture", wood, "--compress")
    textured = ["--texture", tiles, "--texture-source", "TILED"]
    linked = ["--link", str(library), "--link-as", props]
    run_script("simple.py", str(shot), *SMALL, *textured, *linked)
    return shot


def zip_as_windows_does(root: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*.*")):
            info = zipfile.ZipInfo("film\\" + str(path.relative_to(root)).replace("/", "\\"))
            info.create_system, info.compress_type = 0, zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes())
        archive.writestr("__MACOSX/film/shots/._one.blend", b"fork")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, own_blender: object) -> tuple[Path, Path]:  # noqa: ARG001
    """The same film twice: by paths of this machine, and as a .zip by paths of others."""
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    wood, tiles = here / "maps" / "Wood.png", here / "maps" / "wall.<UDIM>.png"
    shot = write_film(here, str(wood), str(tiles), str(here / "assets" / "props.blend"))
    write_film(
        there,
        "C:\\film\\maps\\WOOD.PNG",
        "/Users/ada/film/maps/wall.<UDIM>.png",
        "//..\\assets\\props.blend",
    )
    zip_as_windows_does(there, there.with_name("film.zip"))
    return shot, there.with_name("film.zip")


def frames_of(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.png"))


def test_zip_with_paths_of_windows_and_macos_renders_as_it_would_there(
    farm: str, films: tuple[Path, Path], tmp_path: Path
):
    shot, zipped = films
    tasks = f"{farm}/api/render-tasks"
    framefarm(tmp_path / "home", "render", shot, "--output", tmp_path / "own", "--movie", "none")

    named = ["--form", "blend=shots/one.blend", "--form", "movie=none", "--form", "strict=true"]
    started = json.loads(curl("--form", f"blend=@{zipped}", *named, f"{tasks}/run_task/"))

    assert started["warnings"] == []
    task = f"{tasks}/{started['TaskKey']}"
    assert until_done(task)["state"] == "done"
    archive = tmp_path / "frames.zip"
    curl("--fail", "--output", str(archive), f"{task}/download?what=frames")
    with zipfile.ZipFile(archive) as found:
        found.extractall(tmp_path / "theirs")
    ours, theirs = frames_of(tmp_path / "own"), frames_of(tmp_path / "theirs")
    assert len(ours) == len(theirs) == 2
    assert all(map(same, ours, theirs))


def test_zip_that_is_submitted_renders_the_same(
    farm: str, films: tuple[Path, Path], tmp_path: Path
):
    shot, zipped = films
    home = tmp_path / "home"
    framefarm(home, "render", shot, "--output", tmp_path / "own", "--movie", "none")

    words = ["--url", farm, "--movie", "none", "--blend", "one.blend", "--strict", "--json"]
    done = framefarm(home, "submit", zipped, *words)
    job = json.loads(done.stdout.splitlines()[0])["job"]
    framefarm(home, "watch", job["id"], "--url", farm)
    framefarm(home, "fetch", job["id"], tmp_path / "fetched", "--url", farm)

    assert job["name"] == "one"
    ours, theirs = frames_of(tmp_path / "own"), frames_of(tmp_path / "fetched")
    assert len(ours) == len(theirs) == 2
    assert all(map(same, ours, theirs))


def test_blend_named_for_what_is_no_zip_is_told(
    farm: str, films: tuple[Path, Path], tmp_path: Path
):
    with pytest.raises(AssertionError, match=r"--blend is for a \.zip"):
        framefarm(tmp_path, "submit", films[0], "--blend", "x.blend", "--url", farm)


def test_submit_finds_near_the_blend_what_another_machine_named(
    farm: str,
    own_blender: object,  # noqa: ARG001
    tmp_path: Path,
):
    """As after unpacking by hand what was made on Windows."""
    there = tmp_path / "unpacked"
    lone = there / "shots" / "lone.blend"
    paint(there / "maps" / "wood.png", (0.9, 0.2, 0.1))
    lone.parent.mkdir()
    run_script("simple.py", str(lone), *SMALL, "--texture", "D:\\film\\maps\\wood.png")

    words = ["--url", farm, "--movie", "none", "--frames", "1", "--strict", "--json"]
    done: subprocess.CompletedProcess[str] = framefarm(tmp_path / "home", "submit", lone, *words)

    job: dict[str, Any] = json.loads(done.stdout.splitlines()[0])["job"]
    assert job["warnings"] == []
