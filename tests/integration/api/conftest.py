from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from framefarm.farm.settings import ConnectionLimits
from tests.integration.api.door import quick_hashes
from tests.integration.api.far import Far
from tests.integration.api.manager import Manager, Worker
from tests.integration.api.openid_provider import Provider, openid_provider
from tests.integration.api.openid_site import Site
from tests.integration.api.people import People
from tests.integration.other_machine import other_machine

ANY = "0.0.0.0"  # noqa: S104  what others reach is what is tested

SCENES = Path(__file__).parents[2] / "scenes"
WANTED = {
    "plain": ["--frames", "250", "--camera", "two", "--second-scene", "Titles"],
    "blind": ["--camera", "none"],
    "linking": ["--texture", "//textures/wood.png"],
    "film": ["--format", "FFMPEG", "--fps", "25", "--step", "2", "--frames", "9"],
}


@pytest.fixture(scope="module")
def quickly_hashed() -> Iterator[None]:
    """For files that check hundreds of passwords."""
    with quick_hashes():
        yield


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """One manager for all tests of a file; they leave no job that others would be given."""
    made = Manager(tmp_path_factory.mktemp("manager"))
    yield made
    made.close()
    made.check()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """A manager of one test's own."""
    made = Manager(tmp_path / "manager")
    yield made
    made.close()
    made.check()


@pytest.fixture
def workers(manager: Manager) -> Iterator[list[Worker]]:
    """Three workers, which ask for nothing yet."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(manager.worker(name=name, boot_id=name)) for name in ("a", "b", "c")
        ]


@pytest.fixture(scope="session")
def blends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small real files, written by one Blender."""
    if find_spec("bpy") is None:
        pytest.skip("bpy is not installed here")
    folder = tmp_path_factory.mktemp("scenes")
    lines = [[str(folder / f"{name}.blend"), *options] for name, options in WANTED.items()]
    subprocess.run(
        [sys.executable, "-I", str(SCENES / "batch.py"), json.dumps(lines)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return {name: (folder / f"{name}.blend").read_bytes() for name in WANTED}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with openid_provider() as made:
        made.person = {"preferred_username": "Ada L.", "email": "ada@studio.example"}
        yield made


@pytest.fixture
def make_site(tmp_path: Path, provider: Provider) -> Iterator[Callable[..., Site]]:
    made: list[Site] = []

    def make(**settings: Any) -> Site:
        made.append(Site(tmp_path / f"manager{len(made)}", provider, **settings))
        return made[-1]

    yield make
    for site in made:
        site.manager.close()
        site.manager.check()


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    with other_machine() as elsewhere:
        manager = Manager(tmp_path / "manager", host=ANY)
        try:
            yield Far(manager, elsewhere)
        finally:
            manager.close()
        manager.check()


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with other_machine() as elsewhere:
        # Some tests walk over all routes as one person, which is more than may come at once.
        limits = ConnectionLimits(requests_per_s=0.0)
        manager = Manager(tmp_path_factory.mktemp("manager"), host=ANY, connections=limits)
        try:
            yield People(manager, elsewhere)
        finally:
            manager.close()
        manager.check()
