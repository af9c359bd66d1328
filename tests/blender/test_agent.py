"""A whole farm in one process with a real Blender: frames, movie, kills."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import psutil
import pytest

from framefarm.agent import Agent, AgentSettings
from framefarm.api.serving import ManagerServer
from framefarm.blender.installations import BlenderInstallation
from framefarm.farm.settings import ManagerSettings
from framefarm.media.warm import OnFrame, WarmEncoder
from tests.blender.pictures import same

WAIT_S = 60.0

AGENT_PROCESS = """
import asyncio, pathlib, sys
from framefarm.agent import Agent, AgentSettings
settings = AgentSettings(data_dir=pathlib.Path(sys.argv[2]), media=False, log_level="warning")
asyncio.run(Agent(sys.argv[1], settings).run())
"""


class Farm:
    """A manager with one .blend."""

    def __init__(self, root: Path, blend: Path) -> None:
        self.root = root
        self.blend = blend
        self.server = ManagerServer(ManagerSettings(data_dir=root / "manager"), port=0)
        self.server.start()
        self.http = httpx.Client(base_url=self.server.url, timeout=WAIT_S)
        content = blend.read_bytes()
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.http.put(f"/api/blobs/{self.sha256}", content=content)

    def submit(self, source_path: str = "", **settings: Any) -> int:
        blend = {"sha256": self.sha256, "name": self.blend.name, "source_path": source_path}
        body = {"kind": "render", "blend": blend, "settings": settings}
        answer = self.http.post("/api/jobs", json=body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def wait(self, job: int, *states: str) -> dict[str, Any]:
        """Follow the job's events until it has done something, or is in one of the states."""
        with self.http.stream("GET", f"/api/jobs/{job}/events", timeout=WAIT_S) as events:
            for line in events.iter_lines():
                view = self.http.get(f"/api/jobs/{job}").json()
                if line.startswith("data:") and view["state"] in states:
                    return dict(view)
        return dict(self.http.get(f"/api/jobs/{job}").json())

    def wait_for_worker(self) -> None:
        """Wait until a worker is connected."""
        asked_until = time.monotonic() + WAIT_S
        while not self.http.get("/api/workers").json()["workers"]:
            assert time.monotonic() < asked_until, "no worker connected"

    def files(self, job: int) -> dict[str, bytes]:
        found = self.http.get(f"/api/jobs/{job}/files").json()["files"]
        return {
            file["name"]: self.http.get(f"/api/blobs/{file['sha256']}").content for file in found
        }

    def close(self) -> None:
        self.http.close()
        self.server.stop()


@pytest.fixture
def farm(tmp_path: Path, scenes: dict[str, Path]) -> Iterator[Farm]:
    made = Farm(tmp_path, scenes["plain"])
    yield made
    made.close()


@pytest.fixture
def agent(farm: Farm, own_blender: BlenderInstallation) -> Iterator[Agent]:
    settings = AgentSettings(data_dir=farm.root / "agent", log_level="warning")
    made = Agent(farm.server.url, settings, find=lambda _: [own_blender])
    thread = threading.Thread(target=lambda: asyncio.run(made.run()))
    thread.start()
    farm.wait_for_worker()
    yield made
    made.stop()
    thread.join(WAIT_S)
    assert not thread.is_alive()


def test_animation_becomes_frames_and_a_movie(farm: Farm, agent: Agent, tmp_path: Path):  # noqa: ARG001
    job = farm.submit(frames="1-4", samples=1)

    view = farm.wait(job, "done", "failed")

    assert view["state"] == "done", view["message"]
    files = farm.files(job)
    pictures = sorted(name for name in files if name.endswith(".png"))
    assert len(pictures) == 4
    (movie,) = (name for name in files if name.endswith(".mp4"))
    out = tmp_path / "movie.mp4"
    out.write_bytes(files[movie])
    with av.open(str(out)) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == 4
    assert farm.http.get(f"/api/jobs/{job}/frames/1/thumbnail").content[8:12] == b"WEBP"
    assert "Saved" in farm.http.get(f"/api/jobs/{job}/frames/1/log").text
    # What this agent made needed no download for the movie.
    assert not list((farm.root / "agent" / "cache" / "parts").iterdir())


def strike_first_encode(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> list[int]:
    """Have a signal end the encoder when it has told of its first frame, once; gives who it was."""
    struck: list[int] = []
    encode = WarmEncoder.encode

    async def encode_struck(self: WarmEncoder, *order: Any, on_frame: OnFrame, **more: Any) -> Any:
        def strike(done: int) -> None:
            if not struck:
                struck.append(self.pid)
                os.kill(self.pid, number)
            on_frame(done)

        return await encode(self, *order, on_frame=strike, **more)

    monkeypatch.setattr(WarmEncoder, "encode", encode_struck)
    return struck


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_movie_is_whole_though_its_encoder_crashed(
    farm: Farm,
    agent: Agent,  # noqa: ARG001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
):
    struck = strike_first_encode(monkeypatch, number)

    # VP9 holds all frames back until the last.
    job = farm.submit(frames="1-2", samples=1, resolution="1280x720", movie="webm")
    view = farm.wait(job, "done", "failed")

    assert view["state"] == "done", view["message"]
    assert len(struck) == 1
    units = farm.http.get(f"/api/jobs/{job}/units", params={"kind": "movie"}).json()["units"]
    assert [unit["attempt"] for unit in units] == [2]
    files = farm.files(job)
    (movie,) = (name for name in files if name.endswith(".webm"))
    out = tmp_path / "movie.webm"
    out.write_bytes(files[movie])
    with av.open(str(out)) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == 2
    assert farm.wait(farm.submit(frames="2", samples=1), "done", "failed")["state"] == "done"


def test_frames_of_a_file_in_place_equal_those_of_its_copy(
    farm: Farm,
    agent: Agent,  # noqa: ARG001
    tmp_path: Path,
):
    jobs = [
        farm.submit(str(farm.blend), frames="2", samples=2, movie="none"),
        farm.submit(frames="2", samples=2, movie="none"),
    ]

    assert [farm.wait(job, "done", "failed")["state"] for job in jobs] == ["done", "done"]

    for job in jobs:
        (tmp_path / f"{job}.png").write_bytes(farm.files(job)["shot_0002.png"])
    assert same(tmp_path / f"{jobs[0]}.png", tmp_path / f"{jobs[1]}.png")


def test_cancel_stops_the_frame_in_work_and_the_agent_goes_on(farm: Farm, agent: Agent):  # noqa: ARG001
    endless = farm.submit(frames="1", samples=100_000, resolution="1920x1080", movie="none")
    farm.wait(endless, "running")

    farm.http.post(f"/api/jobs/{endless}/cancel")
    short = farm.submit(frames="1", samples=1, movie="none")

    assert farm.wait(short, "done", "failed")["state"] == "done"


def test_killed_agent_leaves_no_blender_behind(
    farm: Farm,
    own_blender: BlenderInstallation,  # noqa: ARG001
):
    command = [sys.executable, "-c", AGENT_PROCESS, farm.server.url, str(farm.root / "agent")]
    job = farm.submit(frames="1-9", samples=64, movie="none")
    with subprocess.Popen(command) as process:
        try:
            farm.wait(job, "running")
            with farm.http.stream("GET", f"/api/jobs/{job}/events", timeout=WAIT_S) as events:
                assert any(line.startswith("event: progress") for line in events.iter_lines())
            blenders = psutil.Process(process.pid).children(recursive=True)
        finally:
            process.kill()

    assert blenders
    _, alive = psutil.wait_procs(blenders, timeout=WAIT_S)
    assert not alive
