"""Starting and stopping a manager."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from framefarm.api.app import Application
from framefarm.api.serving import ManagerServer, ServeError
from framefarm.db import SchemaTooNewError, open_engine, sqlite_url
from framefarm.farm.settings import ManagerSettings
from tests.integration.api.manager import Manager, picture, until
from tests.integration.api.test_results import render_job


def server(folder: Path, port: int = 0) -> ManagerServer:
    return ManagerServer(ManagerSettings(folder, low_water_bytes=0), port=port)


def test_a_stopped_manager_ends_though_connections_stay_open(tmp_path: Path):
    manager = Manager(tmp_path / "manager")
    job = manager.trial("1-3")["id"]
    with contextlib.ExitStack() as stack:
        worker = stack.enter_context(manager.worker())
        lease = worker.lease()
        began = threading.Event()

        def follow() -> None:
            with (
                httpx.Client(base_url=manager.server.url, timeout=60) as http,
                http.stream("GET", f"/api/jobs/{job}/events") as answer,
            ):
                for _ in answer.iter_lines():
                    began.set()

        follower = threading.Thread(target=follow)
        follower.start()
        assert began.wait(60)
        idle = stack.enter_context(
            socket.create_connection((manager.http.base_url.host, manager.http.base_url.port))
        )
        manager.close()
        follower.join(60)
        assert not idle.recv(1)

    again = Manager(tmp_path / "manager")
    with again.worker(worker_id=worker.id, key=worker.key, holding=[lease["lease"]]) as back:
        assert back.finish(lease) == "accepted"
    again.close()
    again.check()


def test_stopping_twice_and_before_the_start_is_harmless(tmp_path: Path):
    one = server(tmp_path)
    one.stop()
    one.start()
    one.stop()
    one.stop()


def test_a_data_folder_has_one_manager(tmp_path: Path):
    first = server(tmp_path)
    first.start()

    with pytest.raises(ServeError, match="Another manager uses") as refused:
        server(tmp_path).start()

    assert str(tmp_path) in str(refused.value)
    first.stop()
    second = server(tmp_path)
    second.start()
    second.stop()


def test_a_port_in_use_is_said_and_nothing_is_left_locked(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=f"127.0.0.1:{port}: another program"):
            server(tmp_path, port).start()

    again = server(tmp_path, port)
    again.start()
    assert again.url == f"http://127.0.0.1:{port}"
    again.stop()


def test_an_address_that_is_none_is_said(tmp_path: Path):
    with pytest.raises(ServeError, match=r"Cannot listen on 203\.0\.113\.7"):
        ManagerServer(ManagerSettings(tmp_path), "203.0.113.7", 0).start()


def test_a_database_that_cannot_be_used_is_said_and_nothing_stays_behind(tmp_path: Path):
    one = server(tmp_path)
    one.start()
    one.stop()
    engine = open_engine(sqlite_url(tmp_path / "farm.db"))
    with engine.begin() as connection:
        ours = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    before = threading.active_count()

    newer = server(tmp_path)
    with pytest.raises(SchemaTooNewError):
        newer.start()

    assert threading.active_count() <= before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(newer.url.rpartition(":")[2])))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = ?", (ours,))
    engine.dispose()
    healed = server(tmp_path)
    healed.start()
    healed.stop()


def test_a_new_start_is_a_new_epoch_and_keeps_everything_else(tmp_path: Path):
    first = Manager(tmp_path / "manager")
    epoch = first.http.get("/api/health").json()["epoch"]
    job = first.trial("1-2")
    with first.worker() as worker:
        pass
    first.close()

    second = Manager(tmp_path / "manager")

    assert second.http.get("/api/health").json()["epoch"] != epoch
    assert second.job(job["id"])["stages"] == job["stages"]
    [view] = second.http.get("/api/workers").json()["workers"]
    assert (view["id"], view["state"]) == (worker.id, "offline")
    second.close()


@pytest.mark.parametrize("ended", [True, False])
def test_outputs_that_are_missing_are_placed_at_the_next_start(tmp_path: Path, ended: bool):  # noqa: FBT001
    first = Manager(tmp_path / "manager")
    job = render_job(first, "1" if ended else "1-2")
    with first.worker() as worker:
        worker.put(worker.lease(), ("0001.png", "image", picture()))
    image = Path(first.job(job)["outputs_dir"]) / "0001.png"
    until(image.exists, "the delivery")
    first.close()
    image.unlink()

    second = Manager(tmp_path / "manager")

    until(image.exists, "the delivery")
    assert image.read_bytes() == picture()
    second.close()


def test_a_served_manager_ends_on_a_signal(tmp_path: Path):
    script = (
        "import asyncio, sys; from pathlib import Path;"
        "from framefarm.api.serving import ManagerServer;"
        "from framefarm.farm.settings import ManagerSettings;"
        "s = ManagerServer(ManagerSettings(Path(sys.argv[1])), port=0);"
        "s.serve_forever(on_ready=lambda _: asyncio.to_thread(print, s.url, flush=True))"
    )
    for caught in (signal.SIGINT, signal.SIGTERM):
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert child.stdout is not None
        url = next(line.strip() for line in child.stdout if line.startswith("http://"))
        assert httpx.get(f"{url}/api/health").status_code == 200
        child.send_signal(caught)

        assert child.wait(60) == 0
        child.stdout.close()


def test_workers_are_let_in_before_the_api_is_made_and_requests_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    may_go_on = threading.Event()
    make_api = Application.make_api

    def make_late(app: Application) -> FastAPI:
        assert may_go_on.wait(60)
        return make_api(app)

    monkeypatch.setattr(Application, "make_api", make_late)
    manager = Manager(tmp_path / "manager")
    answers: list[int] = []

    def ask() -> None:
        answers.append(manager.http.get("/api/health").status_code)

    asking = threading.Thread(target=ask)
    try:
        asking.start()
        with manager.worker() as worker:
            assert worker.hears() == []
        assert answers == []
        may_go_on.set()
        asking.join(60)
    finally:
        may_go_on.set()
        manager.close()

    assert answers == [200]


def test_a_manager_that_cannot_make_its_api_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(_: Application) -> FastAPI:
        raise ImportError("no module named fastapi")

    monkeypatch.setattr(Application, "make_api", broken)
    started = server(tmp_path / "manager")
    started.start()

    assert started._thread is not None
    started._thread.join(60)
    assert not started._thread.is_alive()
