"""A whole farm's frames against Blender alone: the same names, and every bit of every pixel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.blender.conftest import SMALL, MakeScene
from tests.blender.pictures import same

FRAMEFARM = Path(sys.executable).parent / "framefarm"
ROOT = Path(__file__).parent.parent.parent


def blender_alone(blend: Path, folder: Path, *, last: int) -> None:
    """Render as `blender -b -a` does, in one process."""
    command = [sys.executable, "-m", "benchmarks.plain_blender", str(blend), str(folder)]
    done = subprocess.run(
        [*command, "1", str(last), "0"], cwd=ROOT, check=False, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("order", ["sequential", "spread"])
def test_all_frames_of_a_farm_equal_those_of_blender_alone(
    make_scene: MakeScene, tmp_path: Path, order: str
) -> None:
    blend = make_scene(*SMALL)
    blender_alone(blend, tmp_path / "alone", last=6)

    command = [str(FRAMEFARM), "render", str(blend), "--output", str(tmp_path / "farm")]
    done = subprocess.run(
        [*command, "--order", order, "--json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    end = json.loads(done.stdout.splitlines()[-1])
    assert (end["event"], end["done"], end["failed"]) == ("end", 6, 0)
    frames = sorted((tmp_path / "farm").glob("*.png"))
    alone = sorted((tmp_path / "alone").glob("*.png"))
    assert len(frames) == len(alone) == 6
    assert [one.stem[-4:] for one in frames] == [one.stem for one in alone]
    for one, other in zip(frames, alone, strict=True):
        assert same(one, other), one.name
    assert (tmp_path / "farm" / end["movie"]["name"]).stat().st_size == end["movie"]["size_bytes"]
