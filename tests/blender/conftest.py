"""Real Blender for tests: the `bpy` wheel of this environment, and tiny scenes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import pytest_asyncio

from framefarm.blender.installations import BlenderInstallation, find_blenders
from framefarm.blender.warm import WarmBlender
from tests.integration.cli.processes import Running, environment

SCENES = Path(__file__).parent.parent / "scenes"
SMALL = ["--resolution", "96x54", "--samples", "2", "--frames", "6"]

MakeScene = Callable[..., Path]


def run_script(script: str, *arguments: str) -> None:
    """Run a script of tests/scenes in a Python with `bpy`."""
    subprocess.run(
        [sys.executable, "-I", str(SCENES / script), *arguments],
        check=True,
        timeout=120,
        capture_output=True,
    )


@pytest.fixture(scope="session")
def own_blender() -> BlenderInstallation:
    """The wheel of this environment."""
    if find_spec("bpy") is None:
        pytest.skip("bpy is not installed here")
    return next(b for b in find_blenders() if b.kind == "wheel" and str(b.path) == sys.executable)


@pytest.fixture(scope="session")
def make_scene(tmp_path_factory: pytest.TempPathFactory, own_blender: object) -> MakeScene:  # noqa: ARG001
    """Writes a scene with options of `tests/scenes/simple.py`; equal options share a file."""
    made: dict[tuple[str, ...], Path] = {}

    def make(*options: str) -> Path:
        if options not in made:
            made[options] = tmp_path_factory.mktemp("scene") / "scene.blend"
            run_script("simple.py", str(made[options]), *options)
        return made[options]

    return make


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory, own_blender: object) -> dict[str, Path]:  # noqa: ARG001
    """The files the tests of this folder share, written by one Blender."""
    folder = tmp_path_factory.mktemp("scenes")
    wanted = {
        "plain": [],
        "zstd": ["--compress"],
        "hard": ["--motion-blur", "--camera", "two", "--output", "//out/shot_###_v2"],
        "movie": ["--format", "FFMPEG", "--fps", "30", "--fps-base", "1.001", "--step", "2"],
        "no_camera": ["--camera", "none"],
        "textures": ["--texture", "//textures/wood.png", "--script", "import os"],
        "tiles": ["--texture", "//tiles/wall.<UDIM>.png", "--texture-source", "TILED"],
        "sequence": ["--texture", "//seq/fire_001.png", "--texture-source", "SEQUENCE"],
        "linking": ["--link", str(folder / "textures.blend")],
        "passes": ["--passes", "//passes"],
        "passes_elsewhere": ["--passes", "/nowhere/../nowhere/extra", "--output", "/tmp/"],  # noqa: S108
        "stereo": ["--stereo"],
        "scenes": ["--second-scene", "Second", "--crop", "0.1,0.73,0.2,0.9", "--percentage", "50"],
    }
    orders = [[str(folder / f"{name}.blend"), *SMALL, *more] for name, more in wanted.items()]
    run_script("batch.py", json.dumps(orders))
    return {name: folder / f"{name}.blend" for name in wanted}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def warm(own_blender: BlenderInstallation) -> AsyncIterator[WarmBlender]:
    """A warm Blender shared by the tests of a module; none of them may break it."""
    async with await WarmBlender.start(own_blender) as blender:
        yield blender


@pytest.fixture
def far_manager(tmp_path: Path) -> Iterator[str]:
    """The address of a manager with a home of its own, as if on another machine."""
    serve = Running("serve", "--listen", "127.0.0.1:0", env=environment(tmp_path / "its home"))
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+", serve.wait_for("http://127.0.0.1:"))
        assert found is not None
        yield found[0]
    finally:
        serve.kill()
