"""The same with real Blender: a worker, a Blender and the manager are killed in one film."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.blender.conftest import MakeScene, make_scene, own_blender  # noqa: F401  fixtures
from tests.blender.pictures import same
from tests.blender.test_farm_pixels import blender_alone
from tests.faults.conftest import LEASE_S
from tests.faults.farm import Farm
from tests.faults.programs import until
from tests.faults.verdicts import broken_invariants

FRAMES = 15
SCENE = ("--resolution", "160x90", "--samples", "4", "--frames", str(FRAMES))
FRAMEFARM = Path(sys.executable).parent / "framefarm"


@pytest.fixture
def film_farm(tmp_path: Path) -> Iterator[Farm]:
    with Farm(tmp_path / "farm", blender=True, lease_s=LEASE_S) as farm:
        yield farm


def framefarm(farm: Farm, *words: str | Path) -> None:
    url = "http://{}:{}".format(*farm.address)
    command = [str(FRAMEFARM), *map(str, words), "--url", url]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def wait_for_frames(farm: Farm, count: int) -> None:
    def enough() -> bool:
        return int(farm.ask("/api/jobs/1")["stages"][0]["done"]) >= count

    until(enough, f"{count} frames", timeout_s=120.0)


def at_work(farm: Farm) -> str:
    """A worker that holds a lease of frames."""

    def busy() -> str | None:
        return next((name for name in farm.names if farm.leased_to(name, 1)), None)

    return until(busy, "a worker at work")


def kill_blender_of(farm: Farm, name: str) -> None:
    children = psutil.Process(farm.workers[name].pid).children(recursive=True)
    blender = max(children, key=lambda child: child.memory_info().rss)
    os.kill(blender.pid, signal.SIGKILL)


@pytest.mark.timeout(300)
def test_a_film_equals_blenders_own_though_worker_blender_and_manager_are_killed(
    film_farm: Farm,
    make_scene: MakeScene,  # noqa: F811
    tmp_path: Path,
) -> None:
    farm, blend = film_farm, make_scene(*SCENE)
    blender_alone(blend, tmp_path / "alone", last=FRAMES)

    framefarm(farm, "submit", blend)
    wait_for_frames(farm, 2)
    dead = at_work(farm)
    farm.workers[dead].kill()
    wait_for_frames(farm, 5)
    kill_blender_of(farm, next(name for name in farm.names if name != dead))
    wait_for_frames(farm, 7)
    assert farm.manager is not None
    farm.manager.kill()
    farm.start_manager()
    farm.start_worker(dead)
    assert farm.wait_for_end(1) == "done"
    framefarm(farm, "fetch", "1", tmp_path / "fetched")

    frames = sorted((tmp_path / "fetched").glob("*.png"))
    alone = sorted((tmp_path / "alone").glob("*.png"))
    assert len(frames) == len(alone) == FRAMES
    for one, other in zip(frames, alone, strict=True):
        assert same(one, other), one.name
    assert farm.read(lambda connection: broken_invariants(connection, farm)) == []
