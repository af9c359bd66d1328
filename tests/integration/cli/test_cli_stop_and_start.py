"""A manager that is stopped, started, and restored under load, with real processes."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from framefarm.db import open_engine, sqlite_url
from framefarm.farm.invariants import check_invariants
from framefarm.protocol import ResultManifest, encode_manifest
from framefarm.storage import BlobFolder
from tests.integration.api.manager import hello, of, picture, result_file, until
from tests.integration.cli.processes import Running, environment

PATIENCE_S = 60.0


class Farm:
    """A `framefarm serve` and its workers, all processes of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "manager"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.workers: list[Running] = []
        self.names: list[str] = []
        self.manager = self.serve()

    def serve(self) -> Running:
        self.manager = Running(
            "serve",
            "--listen",
            f"127.0.0.1:{self.port}",
            "--data",
            str(self.data),
            env=environment(self.home),
        )
        self.manager.wait_for("manager ready")
        return self.manager

    def add_worker(self, name: str) -> None:
        env = environment(self.home, FRAMEFARM_WORKER_NAME=name)
        words = ("worker", self.url, "--data", str(self.home / name))
        self.workers.append(Running(*words, env=env))
        self.names.append(name)

    def submit(self, units: int, **settings: Any) -> int:
        body = {"kind": "trial", "settings": {"units": f"1-{units}", **settings}}
        answer = httpx.post(f"{self.url}/api/jobs", json=body, timeout=PATIENCE_S)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def results(self) -> dict[int, tuple[str, float]]:
        """Worker and time of each result."""
        with contextlib.closing(
            sqlite3.connect(f"file:{self.data}/farm.db?mode=ro", uri=True)
        ) as database:
            rows = database.execute("SELECT unit, worker_id, finished_at FROM results").fetchall()
        return {unit: (worker, at) for unit, worker, at in rows}

    def ended(self, job: int) -> dict[str, Any] | None:
        """A job, once it has ended."""
        view = httpx.get(f"{self.url}/api/jobs/{job}", timeout=PATIENCE_S).json()
        return view if view["state"] in {"done", "failed", "cancelled"} else None

    def wait_for_results(self, count: int) -> None:
        until(lambda: len(self.results()) >= count, f"{count} results")

    def kept(self) -> dict[str, set[int]]:
        """Units that each worker has made and not yet brought."""
        return {name: units_in(self.home / name / "outbox") for name in self.names}

    def check(self) -> None:
        engine = open_engine(sqlite_url(self.data / "farm.db"))
        blobs = BlobFolder.__new__(BlobFolder)  # the real constructor clears what is coming in
        blobs.root = self.data / "blobs"
        with engine.connect().execution_options(reading=True) as connection:
            assert check_invariants(connection, blobs, hashes=True) == []
        engine.dispose()

    def close(self) -> None:
        for process in (*self.workers, self.manager):
            process.kill()


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    made = Farm(tmp_path)
    yield made
    made.close()


def upload_until_cut(farm: Farm, image: bytes, answered: list[int]) -> None:
    """A worker that uploads one result after the other; notes those that were accepted."""
    address = farm.url.replace("http", "ws", 1) + "/api/workers/connect"
    with (
        contextlib.suppress(ConnectionClosed, httpx.HTTPError, OSError),
        httpx.Client(base_url=farm.url, timeout=PATIENCE_S) as http,
        connect(address, open_timeout=PATIENCE_S) as worker,
    ):
        worker.send(json.dumps([hello(slots=[{"slot": "cpu", "kinds": ["trial"]}])]))
        key = ""
        worker.send(json.dumps([{"type": "ready", "slot": "cpu"}]))
        while True:
            for order in json.loads(worker.recv(timeout=PATIENCE_S)):
                key = order.get("key", key) if order["type"] == "welcome" else key
                if order["type"] != "lease":
                    continue
                unit = of(order)
                file = result_file(f"image/{unit['unit']}.png", "image", image)
                manifest = ResultManifest(unit["stage"], unit["attempt"], (file,))
                answer = http.put(
                    f"/api/leases/{order['lease']}/units/{unit['unit']}",
                    content=encode_manifest(manifest) + image,
                    headers={"Authorization": f"Bearer {key}"},
                )
                if answer.status_code == 200:
                    answered.append(unit["unit"])
                worker.send(json.dumps([{"type": "ready", "slot": "cpu"}]))


def test_sigterm_under_load_ends_the_manager_and_everything_answered_is_durable(farm: Farm):
    farm.submit(100_000, largest_lease=1, image_bytes=100)
    answered: list[int] = []
    image = picture(256, 256)
    threads = [
        threading.Thread(target=upload_until_cut, args=(farm, image, answered)) for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    farm.wait_for_results(150)

    code = farm.manager.stop(signal.SIGTERM)

    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert code == 0
    stored = farm.results()
    assert len(answered) == len(set(answered)) > 100
    assert set(answered) <= set(stored)
    assert not any("Traceback" in line for line in farm.manager.lines)
    farm.check()


def units_in(outbox: Path) -> set[int]:
    """The units whose receipts lie there."""
    found = set()
    for receipt in outbox.glob("*/receipt.json"):
        with contextlib.suppress(FileNotFoundError):  # taken away just now
            found.add(int(json.loads(receipt.read_bytes())["unit"]))
    return found


def test_workers_go_on_while_the_manager_is_away_and_deliver_all_of_it_after_its_return(farm: Farm):
    for name in ("one", "two"):
        farm.add_worker(name)
    farm.submit(400, seconds=0.2, image_bytes=2_000)
    farm.wait_for_results(10)
    farm.manager.stop(signal.SIGTERM)
    before = farm.results()
    until(lambda: all(len(units) > 3 for units in farm.kept().values()), "what is made meanwhile")
    made = set().union(*farm.kept().values())
    assert farm.results() == before

    farm.serve()

    until(lambda: made <= set(farm.results()), "the delivery")
    after = farm.results()
    assert len({after[unit][0] for unit in made}) == 2
    farm.check()


def test_a_backup_taken_under_load_restores_to_a_whole_farm_that_gets_what_it_lacks(farm: Farm):
    for name in ("one", "two"):
        farm.add_worker(name)
    job = farm.submit(150, seconds=0.05, image_bytes=2_000)
    farm.wait_for_results(20)
    backup = Running(
        "backup",
        str(farm.home / "copy"),
        "--data",
        str(farm.data),
        env=environment(farm.home),
    )
    assert backup.end() == 0, backup.lines
    copied = len(Farm.results(_at(farm.home / "copy")))
    farm.wait_for_results(copied + 20)
    farm.manager.stop(signal.SIGKILL)

    shutil.rmtree(farm.data)
    shutil.copytree(farm.home / "copy", farm.data)
    farm.check()
    assert len(farm.results()) == copied
    farm.serve()

    farm.wait_for_results(150)
    view = until(lambda: farm.ended(job), "the job's end")
    assert (view["state"], view["stages"][0]["done"]) == ("done", 150)
    farm.check()
    assert not any("Traceback" in line for line in farm.manager.lines)


class _at:  # noqa: N801  only carries the folder
    def __init__(self, data: Path) -> None:
        self.data = data
