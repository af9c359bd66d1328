"""Revoked and replaced workers: who is served, who is told what, and how soon."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from websockets.sync.client import connect

from framefarm.farm.settings import ConnectionLimits
from tests.integration.api.manager import Manager, Worker, hello, is_problem, picture, until
from tests.integration.api.slow import Raw
from tests.integration.api.test_results import render_job

AN_HOUR_S = 3_600.0


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Manager]:
    """A manager that ends nothing by itself while a test lasts."""
    limits = ConnectionLimits(over_s=AN_HOUR_S, idle_s=AN_HOUR_S)
    made = Manager(tmp_path / "patient", lease_s=AN_HOUR_S, connections=limits)
    yield made
    made.close()


def row(manager: Manager, worker: Worker) -> dict:
    return dict(manager.http.get(f"/api/workers/{worker.id}").raise_for_status().json())


def test_a_revoked_worker_is_out_before_its_lease_ends_and_for_good(patient: Manager):
    manager = patient
    manager.trial("1-2")
    with manager.worker(name="ants") as ants, manager.worker(boot_id="other") as other:
        lease = ants.lease()
        told = manager.http.post("/api/workers/ants/revoke").raise_for_status().json()
        assert other.lease()["units"] == lease["units"]
        assert ants.closed()[0] == 1000

        bye = ants.bye()
    again = manager.http.post("/api/workers/ants/revoke").raise_for_status().json()

    assert told == {"id": ants.id, "name": "ants", "new": True}
    assert not again["new"]
    assert bye["code"] == "revoked"
    assert bye.get("retry_in_s") is None
    assert "stay on its disk" in bye["reason"]
    with connect(manager.websocket_url) as socket:
        back = Worker(manager, socket)
        back.say(hello(worker_id=ants.id, key=ants.key))
        back.closed()
        assert back.bye()["code"] == "revoked"


def test_a_revoked_key_that_was_used_before_hands_in_no_result(manager: Manager):
    job = render_job(manager)
    file = ("out_0001.png", "image", picture())
    with manager.worker(name="ants") as ants:
        lease = ants.lease()
        assert ants.put(lease, ("out_0001.png", "image", b"no picture")).status_code == 422
        manager.http.post("/api/workers/ants/revoke").raise_for_status()

        is_problem(ants.put(lease, file), 403, "revoked")

    assert manager.job(job)["stages"][0]["done"] == 0
    manager.http.post(f"/api/jobs/{job}/cancel").raise_for_status()


@pytest.mark.parametrize("way", ["fetches", "hands in"])
def test_a_file_on_its_way_is_cut_off_when_its_worker_is_revoked(patient: Manager, way: str):
    manager = patient
    sha256 = manager.upload(bytes(64 << 20))
    render_job(manager, blend=sha256)
    with manager.worker(name="ants") as ants:
        ants.lease()
        if way == "fetches":
            asked = f"GET /api/blobs/{sha256} HTTP/1.1\r\n"
        else:
            asked = f"PUT /api/leases/{'0' * 32}/units/1 HTTP/1.1\r\nContent-Length: 1000000\r\n"
        key = f"Host: elsewhere\r\nAuthorization: Bearer {ants.key}\r\n\r\n"
        raw = Raw(manager, receive_buffer=4096).send(f"{asked}{key}".encode())
        if way == "hands in":
            # The manager takes it for a worker's and waits for the rest.
            raw.send(b'{"stage":1')
        else:
            assert raw.head().startswith(b"HTTP/1.1 200 ")
        manager.http.post("/api/workers/ants/revoke").raise_for_status()
        received = raw.rest()

    # Not the whole file, and no answer as if all had come.
    assert len(received) < 64 << 20
    assert not received.startswith(b"HTTP/1.1 2")


def test_revoking_nobody_is_told(manager: Manager):
    is_problem(manager.http.post("/api/workers/nobody/revoke"), 404, "no_such_worker")


def test_of_two_processes_with_one_key_the_newer_is_served_and_the_older_told(manager: Manager):
    manager.trial("1-2")
    facts = {"host": "clone", "system": "Linux", "cores": 4, "memory_bytes": 8}
    with manager.worker(name="box") as older:
        held = older.lease()
        with manager.worker(
            worker_id=older.id, key=older.key, boot_id="newer", facts=facts
        ) as newer:
            assert older.closed()[0] == 1000
            bye = older.bye()
            assert newer.lease()["units"] == held["units"]
            until(lambda: row(manager, newer)["state"] == "busy", "the lease")

    assert bye["code"] == "replaced"
    assert "on clone" in bye["reason"]
    assert bye.get("retry_in_s") is None
    assert _reason(manager) == "two processes use its key; the newer one, on clone, is served"


def test_the_note_goes_when_the_worker_comes_back_alone(manager: Manager):
    with manager.worker() as older:
        again = {"worker_id": older.id, "key": older.key}
        with manager.worker(**again, boot_id="newer"):
            older.closed()
    assert _reason(manager) != ""

    with manager.worker(**again, boot_id="third"):
        assert _reason(manager) == ""


def test_a_process_that_only_reconnects_replaces_nobody(manager: Manager):
    with manager.worker() as older, manager.worker(worker_id=older.id, key=older.key):
        assert _reason(manager) == ""


def _reason(manager: Manager) -> str:
    from sqlalchemy import text  # noqa: PLC0415

    from framefarm.db import open_engine, sqlite_url  # noqa: PLC0415

    engine = open_engine(sqlite_url(manager.settings.data_dir / "farm.db"))
    with engine.connect() as connection:
        found = connection.execute(text("SELECT reason FROM workers")).scalar_one()
    engine.dispose()
    return str(found)


@pytest.mark.parametrize("name", ["box", "box-2"])
def test_machines_of_one_name_are_steered_apart(manager: Manager, name: str):
    with manager.worker(name="box") as one, manager.worker(name="box", boot_id="b") as two:
        told = manager.http.post(f"/api/workers/{name}/revoke").raise_for_status().json()

    assert told["id"] == {"box": one.id, "box-2": two.id}[name]


def test_a_worker_revoked_while_it_is_being_taken_in_gets_nothing(manager: Manager, monkeypatch):
    from framefarm.farm.live_workers import LiveWorkers  # noqa: PLC0415

    with manager.worker(name="ants") as ants:
        pass
    taken_in, admit = threading.Event(), LiveWorkers.admit

    async def slowly(workers, *arguments):
        admission = await admit(workers, *arguments)
        taken_in.set()
        await asyncio.to_thread(revoked.wait, 60)
        return admission

    revoked = threading.Event()
    monkeypatch.setattr(LiveWorkers, "admit", slowly)
    with connect(manager.websocket_url) as socket:
        back = Worker(manager, socket)
        back.say(hello(worker_id=ants.id, key=ants.key, name="ants"))
        assert taken_in.wait(60)
        manager.http.post("/api/workers/ants/revoke").raise_for_status()
        revoked.set()

        back.closed()
        assert back.bye()["code"] == "revoked"
    assert row(manager, ants)["state"] == "revoked"


def test_a_token_for_three_lets_in_three_of_ten_that_come_at_once(manager: Manager):
    made = manager.http.post("/api/workers/invites", json={"uses": 3}).raise_for_status().json()

    def knock(number: int) -> str:
        with connect(manager.websocket_url) as socket:
            worker = Worker(manager, socket)
            worker.say(hello(join_token=made["token"], boot_id=f"boot-{number}"))
            heard = json.loads(socket.recv(timeout=60))[0]
            return str(heard.get("code", heard["type"]))

    with ThreadPoolExecutor(10) as pool:
        outcomes = Counter(pool.map(knock, range(10)))

    assert outcomes == {"welcome": 3, "join_token": 7}
    listed = manager.http.get("/api/workers").json()["workers"]
    assert {one["name"] for one in listed} == {"worker", "worker-2", "worker-3"}
