"""A farm of real processes to break things in: a manager, workers, and a cable to each."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import secrets
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil
from sqlalchemy import Connection, select

from framefarm.core.spans import Spans
from framefarm.db import open_engine, sqlite_url
from framefarm.db import tables as t
from framefarm.farm.settings import ManagerSettings
from tests.faults.points import Aim
from tests.faults.programs import Program, until
from tests.faults.renders import Record
from tests.faults.wire import Wire

ENDED = {"done", "failed", "cancelled"}
_ASKING_S = 10.0


class Farm:
    """The farm. Use it as a context manager; everything it started ends with it.

    Args:
        folder: Where all of it lives.
        workers: Their names.
        blender: Whether the workers are those of everyone, with Blender; else they have a stand-in.
        settings: `ManagerSettings` that differ from the product's defaults.

    Attributes:
        alone: Held while its manager is killed and started again; other farms may hold it as well.
    """

    def __init__(
        self,
        folder: Path,
        workers: tuple[str, ...] = ("w1", "w2", "w3"),
        *,
        blender: bool = False,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self.names = workers
        self.data = folder / "manager"
        self._blender = blender
        # Other programs fill this machine's disks as they like: reserves are for tests of them.
        self.settings: dict[str, Any] = {"low_water_bytes": 0, **settings}
        self.record = Record(folder / "renders.jsonl")
        self.needed = folder / "needed.json"
        self.armed = folder / "armed.json"
        self._hit = folder / "armed.hit"
        self.clock = folder / "clock_ahead_s"
        self.workers_clock = folder / "workers_ahead_s"
        self.address = ("127.0.0.1", _free_port())
        self.alone: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        self.wires = {name: Wire(self.address) for name in workers}
        self.workers: dict[str, Program] = {}
        self.manager: Program | None = None
        self.http = httpx.Client(
            base_url="http://{}:{}".format(*self.address), timeout=_ASKING_S, trust_env=False
        )

    @property
    def lease_s(self) -> float:
        """How long a lease lives here."""
        return float(self.settings.get("lease_s", ManagerSettings.lease_s))

    # --- life

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.start_manager()
            self._watch_tails()
            for name in self.names:
                self.start_worker(name)
            self.wait_for_workers(*self.names)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End everything."""
        self.http.close()
        for program in (*self.workers.values(), self.manager):
            if program is not None:
                program.clean_up()
        for wire in self.wires.values():
            wire.close()

    def start_manager(self) -> float:
        """Start the manager; returns when it answered, seconds since 1970."""
        words = ("tests.faults.manager_entry", str(self.folder), json.dumps(self.settings))
        listen = "{}:{}".format(*self.address)
        serve = ("serve", "--json-logs", "--listen", listen, "--data", str(self.data))
        self.manager = Program(
            (*words, *serve), home=self.folder / "home", log=self.folder / "manager.log"
        )
        manager = self.manager

        def healthy() -> bool:
            if not manager.alive:
                raise AssertionError(f"the manager ended: {manager.written()[-3000:]}")
            with contextlib.suppress(httpx.HTTPError):
                return self.http.get("/api/health").status_code == 200
            return False

        until(healthy, "a healthy manager")
        return time.time()

    def aim(self, aim: Aim) -> None:
        """Let a process be killed at a point from now on."""
        self._hit.unlink(missing_ok=True)
        asked = self.armed.with_suffix(".new")
        asked.write_text(json.dumps(asdict(aim)))
        asked.rename(self.armed)

    def hit(self) -> float:
        """Wait until what was aimed at died; returns when."""
        until(self._hit.exists, "a death at a point")
        return self._hit.stat().st_ctime

    def manager_dead(self) -> float:
        """Wait until the manager has died where it was aimed at; returns when."""
        manager = self.manager
        assert manager is not None
        until(lambda: not manager.alive, "the manager's death")
        assert self._hit.exists(), manager.written()[-3000:]
        return time.time()

    def keeper(self) -> int | None:
        """The process id of the manager's keeper; None while there is none."""
        assert self.manager is not None
        for child in psutil.Process(self.manager.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if any("keeper" in word for word in child.cmdline()):
                    return child.pid
        return None

    def start_worker(self, name: str, *, url: str | None = None, before: Any = ()) -> Program:
        """Start a worker, anew after its death with all it kept; returns it."""
        words = ["tests.faults.worker_entry", str(self.folder), "worker"]
        if self._blender:
            words = ["framefarm.cli", "worker"]
        where = ("--name", name, "--data", str(self.folder / name))
        self.workers[name] = Program(
            (*words, url or self.wires[name].url, *where),
            home=self.folder / "home",
            log=self.folder / f"{name}.log",
            before=before,
        )
        return self.workers[name]

    def wait_for_workers(self, *names: str) -> None:
        """Wait until these workers are connected and free to work."""

        def ready() -> bool:
            states = {one["name"]: one["state"] for one in self.ask("/api/workers")["workers"]}
            return all(states.get(name) in {"idle", "busy"} for name in names)

        until(ready, f"workers {names} ready")

    def wait_until_connected(self, name: str, since: float) -> float:
        """Wait until the manager took in a worker; returns when."""
        return until(lambda: self.connected_at(name, since), f"{name} connected anew")

    def connected_at(self, name: str, since: float) -> float | None:
        """When the manager last took in a worker, by its own log; None when not since then."""
        times = [
            _seconds(line["timestamp"])
            for line in self.manager_log()
            if line.get("event") == "worker_connected" and line.get("worker") == name
        ]
        return next((at for at in reversed(times) if at >= since), None)

    def manager_log(self) -> Iterator[dict[str, Any]]:
        """What all managers of this farm logged."""
        for line in (self.folder / "manager.log").read_text(errors="replace").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                entry = json.loads(line)
                if isinstance(entry, dict):
                    yield entry

    def _watch_tails(self) -> None:
        """Note every lease of the tail (L11); the manager forgets them once they have ended."""
        with contextlib.closing(sqlite3.connect(self.data / "farm.db", timeout=30.0)) as database:
            database.executescript(
                "CREATE TABLE seen_tails (id TEXT);"
                "CREATE TRIGGER see_tail AFTER INSERT ON leases WHEN NEW.tail"
                " BEGIN INSERT INTO seen_tails VALUES (NEW.id); END;"
            )

    # --- asking

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask the manager, again and again while it does not answer; returns the JSON."""

        def answered() -> httpx.Response | None:
            try:
                answer = self.http.get(path) if body is None else self.http.post(path, json=body)
            except httpx.HTTPError:
                return None
            return None if answer.status_code in {429, 500, 502, 503, 507} else answer

        return until(answered, f"an answer of {path}").raise_for_status().json()

    def submit(
        self, units: int = 6, *, seconds: float = 0.3, image_bytes: int = 20_000, lease: int = 1
    ) -> int:
        """Submit a job of the stand-in renderer; returns its number."""
        settings = {
            "units": f"1-{units}",
            "seconds": seconds,
            "image_bytes": image_bytes,
            "largest_lease": lease,
        }
        # With a fingerprint it may be asked for again when the answer is lost.
        fingerprint = secrets.token_hex(32)
        job = {"kind": "trial", "settings": settings, "fingerprint": fingerprint}
        return int(self.ask("/api/jobs", job)["id"])

    def wait_for_end(self, job: int, timeout_s: float = 180.0) -> str:
        """Wait for a job to end by itself; returns its state."""

        def ended() -> str | None:
            state = str(self.ask(f"/api/jobs/{job}")["state"])
            return state if state in ENDED else None

        try:
            return until(ended, f"the end of job {job}", timeout_s, every_s=0.1)
        except AssertionError as error:
            now = [self.ask(path) for path in (f"/api/jobs/{job}", "/api/workers")]
            raise AssertionError(f"{error}; {now}") from None

    def leased_to(self, name: str, job: int) -> tuple[int, ...]:
        """The units of a job that a worker holds."""
        query = (
            select(t.leases.c.units)
            .join(t.workers, t.workers.c.id == t.leases.c.worker_id)
            .join(t.stages, t.stages.c.id == t.leases.c.stage_id)
            .where(t.workers.c.name == name, t.stages.c.job_id == job, t.leases.c.state == "active")
        )
        held = self.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(unit for units in held for unit in Spans.restore(units))

    def need(self, size_bytes: int) -> None:
        """Let every unit need a file that no worker has yet."""
        content = os.urandom(size_bytes)
        sha256 = hashlib.sha256(content).hexdigest()
        self.http.put(f"/api/blobs/{sha256}", content=content).raise_for_status()
        self.needed.write_text(json.dumps({"sha256": sha256, "size_bytes": size_bytes}))

    def read(self, work: Callable[[Connection], Any]) -> Any:
        """Read in the manager's database, beside it."""
        engine = open_engine(sqlite_url(self.data / "farm.db"))
        try:
            with engine.connect().execution_options(reading=True) as connection:
                return work(connection)
        finally:
            engine.dispose()


def _free_port() -> int:
    """A port that no outgoing connection can take while a manager is dead: below Linux's range."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as asked, contextlib.suppress(OSError):
            asked.bind(("127.0.0.1", port))
            return port


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()
