"""A session on a farm of real processes and real Blender, whose workers come, are killed, and join.

Nothing here goes by the clock: the job is paused where the order of things has to be sure.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from framefarm.client import Farm, SessionHappening
from tests.blender.conftest import MakeScene
from tests.blender.pictures import same
from tests.blender.test_farm_pixels import blender_alone
from tests.integration.cli.processes import Running, environment

FRAMES = 24
SCENE = ("--resolution", "96x54", "--samples", "128", "--frames", str(FRAMES))
PATIENCE_S = 120.0


class Studio:
    """A manager, and workers by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.workers: dict[str, Running] = {}
        serve = ("serve", "--listen", "127.0.0.1:0", "--data", str(self.data))
        self.serve = Running(*serve, "--rule", "lease_s=5", env=environment(folder / "home"))
        self.url = self.serve.wait_for("manager ready at").split()[3].rstrip(",")

    def start(self, *names: str) -> None:
        """Start workers, each with a home of its own."""
        for name in names:
            env = environment(self.folder / f"home of {name}")
            self.workers[name] = Running("worker", self.url, "--name", name, env=env)
        for _ in names:
            self.serve.wait_for("worker_connected", PATIENCE_S)

    def blob(self, sha256: str) -> Path:
        return self.data / "blobs" / sha256[:2] / sha256

    def close(self) -> None:
        for process in (*self.workers.values(), self.serve):
            process.kill()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path)
    try:
        yield made
    finally:
        made.close()


class Told:
    """What is told of sessions, from now on."""

    def __init__(self, url: str) -> None:
        self.all: list[SessionHappening] = []
        self._changed = threading.Condition()
        following = threading.Event()
        threading.Thread(target=self._follow, args=(url, following), daemon=True).start()
        assert following.wait(PATIENCE_S)

    def _follow(self, url: str, following: threading.Event) -> None:
        # Ends with the manager, which is killed.
        with Farm(url) as farm, contextlib.suppress(Exception):
            happenings = farm.happenings(kinds=["session"])
            next(happenings)
            following.set()
            for one in happenings:
                if isinstance(one, SessionHappening):
                    with self._changed:
                        self.all.append(one)
                        self._changed.notify_all()

    def wait_for(self, what: str, *workers: str, after: int = 0) -> int:
        """Wait until something was told of workers; returns how much was told by then."""
        with self._changed:
            there = self._changed.wait_for(
                lambda: {one.worker for one in self.all[after:] if one.what == what} >= {*workers},
                PATIENCE_S,
            )
            assert there, (what, workers, self.all)
            return len(self.all)

    def of(self, worker: str) -> list[str]:
        """What was told of a worker, each run of frames once."""
        found: list[str] = []
        for one in self.all:
            if one.worker == worker and (one.what != "frame" or found[-1] != "frame"):
                found.append(one.what)
        return found


def test_workers_join_get_files_render_are_killed_and_are_replaced(
    studio: Studio, make_scene: MakeScene, tmp_path: Path
):
    scene = make_scene(*SCENE)
    blend = shutil.copyfile(scene, tmp_path / "shot.blend")
    with Farm(studio.url) as farm:
        told = Told(studio.url)
        job = farm.render(blend, movie="none")
        farm.pause(job.id)
        # Nobody can take it from there: it comes from the manager, or not at all.
        blend.unlink()
        [sha256] = [
            path.name for path in (studio.data / "blobs").glob("*/*") if _is_like(path, scene)
        ]
        studio.start("ants", "bees", "cats")

        session = farm.ask_for_workers(job.id, 2)
        first = {one.name for one in session.members}
        assert len(first) == 2
        told.wait_for("files", *first)
        # Whoever would fetch anything for its first frame could not.
        studio.blob(sha256).rename(tmp_path / "hidden")
        farm.resume(job.id)
        told.wait_for("frame", *first)
        (tmp_path / "hidden").rename(studio.blob(sha256))
        [third] = {"ants", "bees", "cats"} - first

        farm.ask_for_more_workers(session.id, 1)
        told.wait_for("frame", third)
        killed, other = sorted(first)
        studio.workers[killed].kill()
        farm.pause(job.id)
        told.wait_for("share", other, third)
        gone = told.wait_for("left", killed)
        studio.start("dogs")
        told.wait_for("files", "dogs", after=gone)
        farm.resume(job.id)
        told.wait_for("released", other, third, "dogs", after=gone)

        ended = farm.job(job.id)
        assert (ended.state, ended.stages[0].done, ended.stages[0].failed) == ("done", FRAMES, 0)
        frames = {one.file.name: one.path for one in farm.fetch(job.id, tmp_path / "farm")}

    joins = ["joined", "files", "started", "frame"]
    assert told.of(killed) == [*joins, "left"]
    assert told.of("dogs")[:4] == joins
    goes_on = ["share", "started", "frame"]
    assert told.of(other)[:7] == [*joins, *goes_on]
    # The job was at work as this one came: its first lease may come before its files.
    late = told.of(third)
    assert [late[0], *sorted(late[1:3]), *late[3:7]] == [*joins, *goes_on]
    for worker in (other, third, "dogs"):
        assert told.of(worker)[-1] == "released"
    _check_the_end(told, {other, third, "dogs"})

    blender_alone(scene, tmp_path / "alone", last=FRAMES)
    assert len(frames) == FRAMES
    for name, path in frames.items():
        assert same(path, tmp_path / "alone" / f"{path.stem[-4:]}.png"), name


def _is_like(path: Path, scene: Path) -> bool:
    return path.stat().st_size == scene.stat().st_size and path.read_bytes() == scene.read_bytes()


def _check_the_end(told: Told, workers: set[str]) -> None:
    """The job is complete to all who are in the session, after its last frame, and all are free."""
    whats = [one.what for one in told.all]
    assert whats.count("complete") == 1
    complete = whats.index("complete")
    assert set(told.all[complete].workers) == workers
    assert "frame" not in whats[complete:]
    assert whats[complete + 1 :] == ["released"] * 3
    made = {(one.kind, one.unit) for one in told.all if one.what == "frame"}
    assert made == {("render", unit) for unit in range(1, FRAMES + 1)}
