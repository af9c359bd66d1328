"""The agent against the real manager, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from framefarm.agent import Agent, AgentSettings
from framefarm.api.serving import ManagerServer
from framefarm.core.plans import plan_trial
from framefarm.core.spans import Spans
from framefarm.db import open_engine, sqlite_url
from framefarm.db import tables as t
from framefarm.farm.backup import back_up
from framefarm.farm.catalog import Catalog
from framefarm.farm.new_jobs import PlannedJob, PlannedStage, store_job
from framefarm.farm.settings import ManagerSettings
from framefarm.farm.steering import pause
from tests.integration.api.manager import until

WAIT_S = 60.0

AGENT_PROCESS = """
import asyncio, pathlib, sys
from framefarm.agent import Agent, AgentSettings
settings = AgentSettings(
    data_dir=pathlib.Path(sys.argv[2]), media=False, warm_start=False, log_level="warning"
)
asyncio.run(Agent(sys.argv[1], settings, find=lambda _: []).run())
"""


class RealFarm:
    """A manager, and agents in threads."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root
        self.settings = ManagerSettings(data_dir=root / "manager", **settings)
        self.agents: list[tuple[Agent, threading.Thread]] = []
        self.server = self._serve(0)
        self.http = httpx.Client(base_url=self.server.url, timeout=WAIT_S)

    def _serve(self, port: int) -> ManagerServer:
        server = ManagerServer(self.settings, port=port)
        server.start()
        return server

    def restart_manager(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        port = httpx.URL(self.server.url).port
        self.server.stop()
        meanwhile()
        self.server = self._serve(port or 0)

    def restore(self, backup: Path) -> None:
        """Put a backup in the place of the manager's folder, which must not be in use."""
        (self.root / "manager").rename(self.root / "broken")
        shutil.copytree(backup, self.root / "manager")

    def add_agent(self, name: str = "agent", **settings: Any) -> Agent:
        values = {"media": False, "warm_start": False, "log_level": "error", **settings}
        agent = Agent(
            self.server.url,
            AgentSettings(data_dir=self.root / name, name=name, **values),
            find=lambda _: [],
            die=lambda: 0.1,
        )
        thread = threading.Thread(target=lambda: asyncio.run(agent.run()), name=name)
        thread.start()
        self.agents.append((agent, thread))
        return agent

    def submit(self, units: str, seconds: float = 0.0, image_bytes: int = 0) -> int:
        settings = {"units": units, "seconds": seconds, "image_bytes": image_bytes}
        answer = self.http.post("/api/jobs", json={"kind": "trial", "settings": settings})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def job(self, job: int) -> dict[str, Any]:
        view: dict[str, Any] = self.http.get(f"/api/jobs/{job}").json()
        return view

    def units(self, job: int) -> list[dict[str, Any]]:
        answer = self.http.get(f"/api/jobs/{job}/units", params={"kind": "trial", "limit": 1000})
        found: list[dict[str, Any]] = answer.json()["units"]
        return found

    def wait(self, job: int, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Follow the job's events until one of its views fits."""
        with self.http.stream("GET", f"/api/jobs/{job}/events", timeout=WAIT_S) as events:
            for line in events.iter_lines():
                if line.startswith("data:") and until(view := self.job(job)):
                    return view
        return self.job(job)

    def finished(self, job: int) -> dict[str, Any]:
        return self.wait(job, lambda view: view["state"] not in ("queued", "running"))

    def kept(self) -> list[Path]:
        """The receipts of what the agent has still to bring."""
        return list((self.root / "agent" / "outbox").glob("*/receipt.json"))

    def results(self) -> Sequence[Any]:
        engine = open_engine(sqlite_url(self.root / "manager" / "farm.db"))
        with engine.connect().execution_options(reading=True) as connection:
            return connection.execute(select(t.results)).all()

    def close_agents(self) -> None:
        for agent, _ in self.agents:
            agent.stop()
        for _, thread in self.agents:
            thread.join(WAIT_S)
        self.agents.clear()

    def close(self) -> None:
        self.close_agents()
        self.http.close()
        self.server.stop()


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[RealFarm]:
    made = RealFarm(tmp_path)
    yield made
    made.close()


def begun(view: dict[str, Any]) -> bool:
    return bool(view["stages"][0]["done"])


def in_the_middle(view: dict[str, Any]) -> bool:
    """Whether a lease has units left for a while, so that none is just being given.

    One that is given while the manager stops never reaches its worker; its units are lent again.
    """
    return begun(view) and view["stages"][0]["running"] > 3


def test_units_without_files_are_all_done_once(farm: RealFarm):
    farm.add_agent()

    view = farm.finished(farm.submit("1-100"))

    assert view["state"] == "done"
    assert view["stages"][0]["done"] == 100


def test_images_arrive_as_they_were_made(farm: RealFarm):
    farm.add_agent()
    job = farm.submit("1-8", image_bytes=20_000)

    assert farm.finished(job)["state"] == "done"

    files = farm.http.get(f"/api/jobs/{job}/files").json()["files"]
    assert [file["name"] for file in files] == [f"trial_{n:04d}.png" for n in range(1, 9)]
    for file in files:
        content = farm.http.get(f"/api/blobs/{file['sha256']}").content
        assert hashlib.sha256(content).hexdigest() == file["sha256"]


def test_two_agents_share_a_job_and_make_no_unit_twice(farm: RealFarm):
    farm.add_agent("one")
    farm.add_agent("two")
    job = farm.submit("1-40", seconds=0.02)

    assert farm.finished(job)["state"] == "done"

    units = farm.units(job)
    assert {unit["unit"] for unit in units} == set(range(1, 41))


def test_cancelled_job_makes_room_for_the_next_before_any_heartbeat(tmp_path: Path):
    # No heartbeat comes and no lease expires before the end of this test.
    with contextlib.closing(RealFarm(tmp_path, lease_s=3_600.0)) as farm:
        _cancel_and_go_on(farm)


def _cancel_and_go_on(farm: RealFarm) -> None:
    farm.add_agent()
    endless = farm.submit("1-2", seconds=600)
    farm.wait(endless, lambda view: view["stages"][0]["running"] > 0)
    following = farm.submit("1")

    assert farm.http.post(f"/api/jobs/{endless}/cancel").json()["state"] == "cancelled"

    assert farm.finished(following)["state"] == "done"


def test_manager_that_restarts_finds_its_worker_still_at_work(farm: RealFarm):
    farm.add_agent()
    job = farm.submit("1-30", seconds=0.1, image_bytes=5_000)
    farm.wait(job, in_the_middle)

    farm.restart_manager()

    assert farm.finished(job)["state"] == "done"
    assert {unit["attempt"] for unit in farm.units(job)} == {1}


def test_l6_results_of_a_job_that_a_restored_manager_never_had_leave_the_outbox(farm: RealFarm):
    farm.add_agent()
    farm.finished(farm.submit("1"))
    back_up(farm.root / "manager", farm.root / "backup")
    lost = farm.submit("1-2", seconds=0.5, image_bytes=1_000)
    farm.wait(lost, lambda view: view["stages"][0]["running"] > 0)
    outbox = farm.root / "agent" / "outbox"

    def restore() -> None:
        wait_for(lambda: any(outbox.iterdir()), "nothing was made while the manager was away")
        farm.restore(farm.root / "backup")

    farm.restart_manager(restore)

    wait_for(lambda: not any(outbox.iterdir()), "what nobody wants is still in the outbox")
    after = farm.submit("1-3", image_bytes=1_000)
    assert after == lost, "the restored manager gives the number again, to another job"
    assert farm.finished(after)["state"] == "done"
    assert {unit["worker"] for unit in farm.units(after)} == {"agent"}


def test_l6_a_worker_of_the_first_version_is_itself_after_the_upgrade(farm: RealFarm):
    before = farm.add_agent()
    farm.finished(farm.submit("1"))
    [known] = farm.http.get("/api/workers").json()["workers"]
    before.stop()
    farm.agents.pop()[1].join(WAIT_S)
    file = farm.root / "agent" / "identity.json"
    [kept] = json.loads(file.read_bytes())["farms"]
    file.write_text(json.dumps({"worker_id": kept["worker_id"], "key": kept["key"]}))

    farm.add_agent()

    farm.finished(farm.submit("1"))
    assert [one["id"] for one in farm.http.get("/api/workers").json()["workers"]] == [known["id"]]


def wait_for(done: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


def test_l6_what_a_restored_manager_has_forgotten_to_have_lent_is_not_made_again(farm: RealFarm):
    farm.add_agent()
    assert farm.finished(farm.submit("1"))["state"] == "done"
    until(lambda: not farm.kept(), "an empty outbox")
    farm.close_agents()
    # So long that stopping the manager, on a busy machine, ends before the first is made.
    job = farm.submit("1-3", seconds=3.0, image_bytes=5_000)
    backup = farm.root / "backup"
    back_up(farm.root / "manager", backup)
    farm.add_agent()
    farm.wait(job, lambda view: bool(view["stages"][0]["running"]))

    owed: set[int] = set()

    def restore() -> None:
        kept = until(farm.kept, "a result in the outbox")
        owed.update(int(path.parent.name.split("-")[1]) for path in kept)
        farm.restore(backup)

    farm.restart_manager(restore)

    assert farm.finished(job)["state"] == "done"
    assert owed <= {row.unit for row in farm.results() if row.answer == "accepted_late"}
    assert {unit["attempt"] for unit in farm.units(job)} == {1}
    until(lambda: not farm.kept(), "an empty outbox")


def test_agent_that_stops_gives_its_units_back_for_another(farm: RealFarm):
    first = farm.add_agent("first")
    job = farm.submit("1-20", seconds=0.1)
    farm.wait(job, begun)

    first.stop()
    farm.add_agent("second")

    view = farm.finished(job)
    assert view["state"] == "done"
    assert {unit["worker"] for unit in farm.units(job)} == {"first", "second"}


def test_agent_killed_and_started_again_ends_the_job(farm: RealFarm, tmp_path: Path):
    command = [sys.executable, "-c", AGENT_PROCESS, farm.server.url, str(tmp_path / "agent")]
    job = farm.submit("1-20", seconds=0.1, image_bytes=5_000)
    with subprocess.Popen(command) as killed:
        try:
            farm.wait(job, begun)
        finally:
            killed.kill()

    farm.add_agent("agent")

    view = farm.finished(job)
    assert view["state"] == "done"
    assert view["stages"][0]["done"] == 20


def test_a_worker_of_a_session_has_its_jobs_file_before_its_first_lease(farm: RealFarm):
    content = b"a scene" * 1_000
    sha256 = hashlib.sha256(content).hexdigest()
    farm.http.put(f"/api/blobs/{sha256}", content=content).raise_for_status()
    job = _paused_job_of(farm, sha256, len(content))
    farm.add_agent()

    asked = {"job": job, "workers": 1}
    made = farm.http.post("/api/sessions", json=asked).raise_for_status().json()
    path = f"/api/sessions/{made['id']}"

    until(
        lambda: [one["has_files"] for one in farm.http.get(path).json()["members"]] == [True],
        "the worker having the file",
    )
    [kept] = (farm.root / "agent" / "cache" / "blobs").glob("*/*")
    assert kept.read_bytes() == content
    assert farm.job(job)["state"] == "paused"
    farm.http.post(f"/api/jobs/{job}/resume").raise_for_status()
    assert farm.finished(job)["state"] == "done"
    until(lambda: farm.http.get(path).json()["status"] == "ended", "the end of the session")


def _paused_job_of(farm: RealFarm, sha256: str, size_bytes: int) -> int:
    [stage] = plan_trial(Spans.parse("1-3")).stages
    settings = {"blend_size_bytes": size_bytes}
    planned = PlannedStage(stage, settings=settings, largest_lease=1, blend_sha256=sha256)
    engine = open_engine(sqlite_url(farm.root / "manager" / "farm.db"))
    with engine.begin() as connection:
        job = store_job(connection, PlannedJob("job", "trial", (planned,), {}))
        pause(connection, Catalog(), job)
    engine.dispose()
    return job
