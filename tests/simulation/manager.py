"""The manager's machine: one manager after the other over the same database and the same blobs."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast
from unittest import mock

from sqlalchemy.exc import DBAPIError

from framefarm.api.app import Application, create_app
from framefarm.api.reach import Reach
from framefarm.core.errors import FrameFarmError
from framefarm.core.spans import Spans
from framefarm.farm import intake, service
from framefarm.farm.failures import Failure, fail_many
from framefarm.farm.finishes import Settlement
from framefarm.farm.news import News
from framefarm.farm.service import Farm
from framefarm.farm.settings import ManagerSettings
from framefarm.storage import BlobMismatchError, StorageFullError

from .database import Database
from .network import ManagerEnd, Response
from .shortcuts import Shortcuts, SimulatedDispatcher
from .timeline import Process, Timeline
from .trace import Trace
from .writer import SimulatedWriter


class Blobs:
    """The manager's blobs, in memory; they survive it."""

    def __init__(self) -> None:
        self.full = False
        self._there: dict[str, bytes] = {}

    def receive(self, sha256: str, size_bytes: int) -> IncomingBlob:
        if self.full:
            raise StorageFullError("The manager's disk is full.")
        return IncomingBlob(self, sha256, size_bytes)

    def has(self, sha256: str) -> bool:
        return sha256 in self._there

    def keep(self, sha256: str, content: bytes) -> None:
        self._there[sha256] = content

    def content(self, sha256: str) -> bytes | None:
        """What is kept under a hash."""
        return self._there.get(sha256)

    def untouched_since(self, _: float) -> Iterator[str]:
        """None is old enough to be removed."""
        return iter(())

    def remove_leftovers(self) -> None:
        """Nothing is left over."""


class IncomingBlob:
    """A blob on its way in; checked as the real one is."""

    def __init__(self, blobs: Blobs, sha256: str, size_bytes: int) -> None:
        self.path = Path(sha256)
        self._blobs = blobs
        self._sha256 = sha256
        self._size_bytes = size_bytes
        self._bytes = b""

    @property
    def missing_bytes(self) -> int:
        return self._size_bytes - len(self._bytes)

    def write(self, piece: bytes | memoryview) -> None:
        self._bytes += bytes(piece)

    def check(self) -> None:
        if self.missing_bytes or hashlib.sha256(self._bytes).hexdigest() != self._sha256:
            raise BlobMismatchError("The bytes that came are not those that were announced.")

    def keep(self) -> None:
        self._blobs.keep(self._sha256, self._bytes)

    def __enter__(self) -> IncomingBlob:  # noqa: PYI034
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left of what was not kept."""


class NoDelivery:
    """Placing finished files where people look is not simulated."""

    def __init__(self, *_: object) -> None:
        """Nothing is needed for that."""

    def soon(self, *_: object) -> None:
        """Nothing is placed."""

    close = forget = soon

    async def leftovers(self, *_: object) -> None:
        """Nothing was left."""

    all_of = leftovers


class NoNotifying:
    """Nobody is told anything, so nothing is looked for that could be."""

    def __init__(self, _: object) -> None:
        """Nothing is needed for that."""

    def job_ended(self, _: int) -> None:
        """Nobody waits for it."""

    def wake(self) -> None:
        """There is nothing to do."""

    async def run(self) -> None:
        """It is done."""


class NoUploads:
    """Jobs here have no files that anybody would have to upload."""

    def __init__(self, _: object) -> None:
        """Nothing is needed for that."""

    async def tidy(self) -> None:
        """Nothing is left over."""


class SimulatedFarm(Farm):
    """The real farm, less what it shows to people."""

    watch: Callable[[News], None]
    shortcuts: Shortcuts
    _known_bars: object = None

    async def refresh_bars(self) -> None:
        there = self.shortcuts.bars_moved()
        if there != self._known_bars:
            await super().refresh_bars()
            self._known_bars = there

    async def spread(self, news: News) -> None:
        self.watch(news)
        await super().spread(news)

    async def _tell(self, *_: object) -> None:
        """Nobody follows a job here."""


class _Present:
    """The farm of the manager that runs now, as the application sees it."""

    farm: SimulatedFarm

    def __getattr__(self, name: str) -> Any:
        return getattr(self.farm, name)


_present = _Present()


@functools.cache
def _app() -> Application:
    """The real application. Made once: making its routes takes longer than most simulations.

    What it remembers by itself are the workers' keys, which never change.
    """
    return create_app(cast("Any", _present), Reach("127.0.0.1", 7070))


class Incarnation:
    """One manager process, from its start to its end."""

    def __init__(self, machine: ManagerMachine, process: Process) -> None:
        self.process = process
        self._machine = machine
        self.shortcuts = Shortcuts(machine.database)
        self.farm: SimulatedFarm

    async def begin(self) -> None:
        """Open the database and begin to serve."""
        with self._machine.parts(self):
            self.farm = SimulatedFarm(self._machine.settings)
        self.farm.shortcuts = self.shortcuts
        self.farm.watch = self._machine.on_news
        _present.farm = self.farm
        await self.farm.start()

    def commit_s(self) -> float:
        return self._machine.rng.uniform(0.001, 0.01)

    def committed(self) -> None:
        if self.process.alive:
            self._machine.on_commit()


class ManagerMachine:
    """Starts managers, kills them, and passes on what the network brings.

    Args:
        settings: Of every manager.
        database: What they share.
        timeline, rng, trace: Of the simulation.
    """

    def __init__(
        self,
        settings: ManagerSettings,
        database: Database,
        timeline: Timeline,
        rng: random.Random,
        trace: Trace,
    ) -> None:
        self.settings = settings
        self.database = database
        self.timeline = timeline
        self.rng = rng
        self.trace = trace
        self.blobs = Blobs()
        self.life: Incarnation | None = None
        self.serving = False
        self.on_news: Callable[[News], None] = lambda _: None
        self.on_commit: Callable[[], None] = lambda: None
        self.on_start: Callable[[], None] = lambda: None
        self.on_death: Callable[[], None] = lambda: None
        database.on_crash = partial(self.kill, "in the middle of a statement")

    @property
    def process(self) -> Process | None:
        """The process that listens now, None when none does."""
        return self.life.process if self.life is not None and self.serving else None

    @property
    def farm(self) -> SimulatedFarm | None:
        """The farm that serves now."""
        return self.life.farm if self.life is not None and self.serving else None

    def start(self) -> None:
        """Start a manager; it serves a moment later."""
        self.trace("manager", "starts")
        self.database.arm(crashed=False)
        process = Process(self.timeline, "manager")
        self.life = Incarnation(self, process)
        process.run(self._begin(self.life))

    async def _begin(self, life: Incarnation) -> None:
        try:
            await life.begin()
        except FrameFarmError as error:
            # What a service manager does with one that did not start: it tries again.
            self.trace("manager", "cannot start: %s", error)
            self.kill("could not start")
            self.timeline.call_later(1.0, self.start)
        else:
            self.serving = True
            self.on_start()
            self.trace("manager", "serves, epoch %s", life.farm.epoch[:6])

    def kill(self, why: str) -> None:
        """SIGKILL."""
        if self.life is None:
            return
        self.trace("manager", "dies: %s", why)
        self.life.process.kill()
        self.life, self.serving = None, False
        self.on_death()

    async def stop(self) -> None:
        """Stop it as an operator does."""
        life, self.serving = self.life, False
        if life is not None:
            await life.farm.stop()
            life.process.kill()
            self.life = None
            self.trace("manager", "stopped")
            self.on_death()

    def serve(self, end: ManagerEnd) -> None:
        """Talk to a worker."""
        assert self.life is not None
        scope = {"type": "websocket", "path": "/api/workers/connect", **_scope({}, end)}
        self.life.process.run(_app()(scope, end.receive, end.send))

    async def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> Response:
        """Answer a request as the API does."""
        assert self.life is not None
        exchange = _Exchange(body)
        scope = {"type": "http", "method": method, "path": path, **_scope(headers, exchange)}
        # Whatever was raised has been answered with 500 before.
        with contextlib.suppress(DBAPIError):
            await _app()(scope, exchange.receive, exchange.send)
        return exchange.response

    @contextlib.contextmanager
    def parts(self, life: Incarnation) -> Iterator[None]:
        """Let a farm that is made inside be made of simulated parts."""
        with contextlib.ExitStack() as stack:
            for name, part in {
                "open_engine": lambda _: self.database.engine,
                "migrate": lambda _: None,
                "Delivery": NoDelivery,
                "Uploads": NoUploads,
                "Notifying": NoNotifying,
                "BlobFolder": lambda *_, **__: self.blobs,
                "GroupCommitWriter": partial(SimulatedWriter, life=life),
                "Dispatcher": partial(
                    SimulatedDispatcher,
                    database=self.database,
                    timeline=self.timeline,
                    shortcuts=life.shortcuts,
                ),
            }.items():
                stack.enter_context(mock.patch.object(service, name, part))
            yield


def _fail_many(
    database: Database, connection: Any, catalog: Any, failures: Sequence[Failure], *more: Any
) -> list[Settlement]:
    """The real one; failures of which none is from a current attempt must change nothing (L4)."""
    stale = not any(_is_current(database, failure) for failure in failures)
    before = database.raw.total_changes
    settled = fail_many(connection, catalog, failures, *more)
    changed = database.raw.total_changes - before
    if stale and (changed or {one.answer for one in settled} != {"stale"}):
        raise AssertionError(f"L4: stale failures changed {changed} rows: {failures}, {settled}")
    return settled


def _is_current(database: Database, failure: Failure) -> bool:
    rows = database.ask(
        "SELECT units FROM leases WHERE id = ? AND worker_id = ? AND attempt = ? "
        "AND state = 'active'",
        failure.lease_id,
        failure.worker_id,
        failure.attempt,
    )
    return any(failure.unit in Spans.restore(units) for (units,) in rows)


@contextlib.contextmanager
def checked_failures(database: Database) -> Iterator[None]:
    """Inside, every group of failures is held against the rule of stale ones (L4)."""
    with mock.patch.object(service, "fail_many", partial(_fail_many, database)):
        yield


@contextlib.contextmanager
def any_picture() -> Iterator[None]:
    """Inside, what simulated workers send passes for pictures; hash and size are still checked."""
    with mock.patch.object(intake, "_CHECKS", {}):
        yield


class _Exchange:
    """A request and its answer, as ASGI hands them over."""

    def __init__(self, body: bytes) -> None:
        self._messages = [{"type": "http.request", "body": body, "more_body": False}]
        self._start: dict[str, Any] = {}
        self._body = b""

    def recognise(self, _still_counts: object) -> None:
        """Strangers are not simulated."""

    async def receive(self) -> dict[str, Any]:
        if self._messages:
            return self._messages.pop()
        await asyncio.sleep(_NOBODY_WAITS_LONGER_S)
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._body += message.get("body", b"")

    @property
    def response(self) -> Response:
        headers = {k.decode(): v.decode() for k, v in self._start["headers"]}
        return Response(self._start["status"], headers, self._body)


_NOBODY_WAITS_LONGER_S = 60.0


def _scope(headers: dict[str, str], connection: ManagerEnd | _Exchange) -> dict[str, Any]:
    """What a request of the manager's own machine looks like."""
    shown = {"host": "127.0.0.1:7070", **headers}
    return {
        "asgi": {"version": "3.0"},
        "scheme": "http",
        "query_string": b"",
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in shown.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 7070),
        "subprotocols": [],
        "state": {"connection": connection},
    }
