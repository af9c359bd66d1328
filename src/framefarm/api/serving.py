"""Running a manager: its application, its socket and its farm, started and stopped as one."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import structlog
import uvicorn

from framefarm.api.app import Application
from framefarm.api.gate import Gate
from framefarm.api.http_connection import BoundedHttp
from framefarm.api.listening import ServeError, listening
from framefarm.api.reach import Reach
from framefarm.api.server import Server
from framefarm.api.websocket_connection import BoundedWebSocket
from framefarm.client import local_manager
from framefarm.client.local_manager import LocalManager
from framefarm.farm.service import Farm
from framefarm.farm.settings import ConnectionLimits, ManagerSettings
from framefarm.protocol.limits import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from framefarm.api.certificate import Certificate

_log = structlog.get_logger(__name__)

DEFAULT_PORT = 7070
_BACKLOG = 16_384
"""As many connections wait in the kernel, where it allows so (Linux: 4,096, `somaxconn`). More are
dropped without a word, and knock again only after 1, 3 and 7 s: with room for 1,024, on a busy
machine, 10,000 workers were dropped 139,000 times in a minute, and a third of them gave up."""

_OWN_FILES = 256
"""Open files for the database, blobs and whatever else is no connection."""

_FILES_WITHOUT_LIMIT = 65_536
FEW_FILES = 4_096

_NO_NEWS = (
    "Cancel %s",
    "Invalid HTTP request",
    "Unsupported upgrade",
    '"WebSocket %s"',
    "without completing handshake",
)


OnReady = Callable[[Farm], Awaitable[None]]


async def _nothing_to_do(_: Farm) -> None:
    """Nobody waits for it."""


class DataLock:
    """Holds a data folder for one manager. It is gone with the process, however that ends."""

    def __init__(self, data_dir: Path) -> None:
        import fcntl  # noqa: PLC0415  Windows has none

        data_dir.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = (data_dir / "manager.lock").open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise ServeError(
                f"Another manager uses {data_dir}. Stop it, or choose another --data folder."
            ) from error

    def release(self) -> None:
        """Let the next manager in."""
        self._file.close()


class ManagerServer:
    """A manager on an address of this machine.

    Args:
        settings: The manager's.
        host: Address to listen on.
        port: 0 takes any free one.
        certificate: To speak TLS with; None for plain HTTP.
        announce: Tell the local network where the manager is.
    """

    def __init__(
        self,
        settings: ManagerSettings,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        certificate: Certificate | None = None,
        announce: bool = False,
    ) -> None:
        self._settings = settings
        self._host = host
        self._port = port
        self._certificate = certificate
        self._announce = announce
        self._server: uvicorn.Server | None = None
        self._farm: Farm | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._listening = threading.Event()
        self._error: BaseException | None = None
        self._on_ready: OnReady = _nothing_to_do

    @property
    def reach(self) -> Reach:
        """Where it answers; the port is known once it listens."""
        shown = self._certificate
        if shown is None:
            return Reach(self._host, self._port)
        pinned = shown.fingerprint if shown.self_signed else None
        return Reach(self._host, self._port, pinned, tls=True, name=shown.name_for_others)

    @property
    def url(self) -> str:
        """Where it answers programs on this machine."""
        return self.reach.local_url

    def start(self) -> None:
        """Serve in a thread; returns when it answers.

        Raises:
            ServeError: The address or the data folder is in use.
            FrameFarmError: The database cannot be opened.
        """
        self._thread = threading.Thread(target=self._in_thread, name="manager", daemon=True)
        self._thread.start()
        self._listening.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    def stop(self, timeout_s: float = 60.0) -> None:
        """Stop serving; open connections are closed.

        Args:
            timeout_s: Wait so long at most for its end.
        """
        if self._thread is None or self._loop is None or self._server is None:
            return
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ask_to_stop)
        self._thread.join(timeout_s)

    def serve_forever(self, *, on_ready: OnReady = _nothing_to_do) -> None:
        """Serve in this thread until SIGINT or SIGTERM.

        Args:
            on_ready: Awaited with the farm once it answers.

        Raises:
            ServeError: The address or the data folder is in use.
        """
        self._on_ready = on_ready
        _collect_garbage_rarely()
        _run(self._serve(handle_signals=True))

    def _in_thread(self) -> None:
        try:
            _run(self._serve(handle_signals=False))
        except BaseException as error:  # noqa: BLE001  told to the thread that started this one
            self._error = error
        finally:
            self._listening.set()

    async def _serve(self, *, handle_signals: bool) -> None:
        lock = DataLock(self._settings.data_dir)
        try:
            with listening(self._host, self._port, backlog=_BACKLOG) as listeners:
                self._port = listeners[0].getsockname()[1]
                await self._serve_on(listeners, handle_signals=handle_signals)
        finally:
            lock.release()

    async def _serve_on(self, listeners: list[socket.socket], *, handle_signals: bool) -> None:
        farm = self._farm = Farm(self._settings)
        try:
            await farm.start()
            self._loop = asyncio.get_running_loop()

            limits = self._settings.connections
            app = Application(farm, self.reach)
            config = _config(app, limits, self._certificate)
            self._server = Server(config, _gate(farm), limits)
            if handle_signals:
                self._catch_signals()
            self._listening.set()
            await self._on_ready(farm)
            _log.info("manager_ready", url=self.url, data=str(self._settings.data_dir))
            async with self._told(farm), asyncio.TaskGroup() as beside:
                beside.create_task(app.open_api(), name="open_api")
                await self._server.serve(sockets=listeners)
        finally:
            await farm.stop()

    @contextlib.asynccontextmanager
    async def _told(self, farm: Farm) -> AsyncIterator[None]:
        """Let commands of this machine, and the local network if wanted, know where this is."""
        shown = self._certificate
        certificate = "" if shown is None else shown.chain.read_text()
        local_manager.note(self._settings.data_dir, LocalManager(self.url, certificate))
        try:
            async with self._announced(farm):
                yield
        finally:
            local_manager.forget(self._settings.data_dir)

    @contextlib.asynccontextmanager
    async def _announced(self, farm: Farm) -> AsyncIterator[None]:
        if not self._announce:
            yield
            return
        from framefarm.api.announcing import announced  # noqa: PLC0415  a tenth of a second

        async with announced(self.reach, farm.farm_id):
            yield

    def _catch_signals(self) -> None:
        assert self._loop is not None
        for caught in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(caught, self._ask_to_stop)

    def _ask_to_stop(self) -> None:
        assert self._server is not None
        assert self._farm is not None
        self._farm.begin_to_stop()
        self._server.should_exit = True


def _run(serving: Coroutine[None, None, None]) -> None:
    """Run a coroutine on uvloop where there is one.

    uvicorn pauses and resumes reading around every WebSocket message; with asyncio's own loop that
    took a quarter of the manager's time at 1,000 workers, with uvloop a few percent.
    """
    try:
        import uvloop  # noqa: PLC0415  Windows has none
    except ImportError:
        asyncio.run(serving)
    else:
        uvloop.run(serving)


class _Expected(logging.Filter):
    """Keeps uvicorn quiet about what is no news.

    Requests that a stopping manager breaks off: their senders keep what they sent and send it again
    (L6). WebSockets that the guard refuses with a reason: uvicorn sends it, and then complains that
    there was no handshake (0.54). And whatever a stranger may send as often as it likes (L14).
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log a record."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, asyncio.CancelledError | UnicodeDecodeError):
            return False
        return not any(text in str(record.msg) for text in _NO_NEWS)


def _collect_garbage_rarely() -> None:
    """Keep the cycle collector from walking thousands of live connections again and again.

    At 1,000 workers it cost up to a third of the round trips (4,700 against 7,800 per second) and
    made the slowest ones four times slower. Hardly anything of workers is cyclic, so what was there
    before is looked at once in ten million objects. What is new is looked at often all the same:
    requests to the API leave cycles, and 200,000 objects at once kept everybody waiting for 100 ms.
    """
    gc.freeze()
    gc.set_threshold(20_000, 500, 100)
    gc.enable()


def _gate(farm: Farm) -> Gate:
    """Room for as many connections as this process may have files open, less its own."""
    files = raise_file_limit()
    if files < FEW_FILES:
        _log.warning(
            "few_files",
            may_be_open=files,
            room_for_workers=max(1, (files - _OWN_FILES) // 4),
            advice="raise it with `ulimit -n 20000`, or LimitNOFILE in a systemd service",
        )
    return Gate(
        farm.settings.connections,
        most=max(1, files - _OWN_FILES),
        told_to_wait=farm.told_to_wait,
    )


def raise_file_limit() -> int:
    """Let this process have as many files open as it may; returns how many those are."""
    try:
        import resource  # noqa: PLC0415  Windows has none
    except ImportError:
        return _FILES_WITHOUT_LIMIT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES_WITHOUT_LIMIT if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < most:
        # macOS refuses more than it has, though it calls the limit infinite.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return _FILES_WITHOUT_LIMIT if soft == resource.RLIM_INFINITY else soft


def _config(
    app: Application, limits: ConnectionLimits, certificate: Certificate | None
) -> uvicorn.Config:
    log = logging.getLogger("uvicorn.error")
    if not any(isinstance(one, _Expected) for one in log.filters):
        log.addFilter(_Expected())
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        http=BoundedHttp,
        ws=partial(BoundedWebSocket, limits=limits),  # type: ignore[arg-type]
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        # Who is local is decided by who really connects, not by what a header says.
        proxy_headers=False,
        timeout_keep_alive=int(limits.idle_s),
        ssl_certfile=None if certificate is None else certificate.chain,
        ssl_keyfile=None if certificate is None else certificate.key,
    )
