"""Running a manager: its application, its socket and its farm, started and stopped as one."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TextIO, cast

import structlog
import uvicorn

from framefarm.api.app import create_app
from framefarm.api.gate import Gate
from framefarm.api.http_connection import BoundedHttp
from framefarm.api.reach import Reach
from framefarm.api.websocket_connection import BoundedWebSocket
from framefarm.core.errors import FrameFarmError
from framefarm.farm.service import Farm
from framefarm.farm.settings import ConnectionLimits, ManagerSettings
from framefarm.protocol.limits import MAX_MESSAGE_BYTES

_log = structlog.get_logger(__name__)

DEFAULT_PORT = 7070
_BACKLOG = 4_096
"""As many workers may knock at the same moment; the kernel has the last word (somaxconn)."""

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


class ServeError(FrameFarmError):
    """The manager could not be started."""

    code = "serve"


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
    """

    def __init__(
        self, settings: ManagerSettings, host: str = "127.0.0.1", port: int = DEFAULT_PORT
    ) -> None:
        self._settings = settings
        self._host = host
        self._port = port
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._listening = threading.Event()
        self._error: BaseException | None = None
        self._on_ready: Callable[[], None] = lambda: None

    @property
    def reach(self) -> Reach:
        """Where it answers; the port is known once it listens."""
        return Reach(self._host, self._port)

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

    def stop(self, timeout_s: float = 2.0) -> None:
        """Stop serving; open connections are closed."""
        if self._thread is None or self._loop is None or self._server is None:
            return
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ask_to_stop)
        self._thread.join(timeout_s)

    def serve_forever(self, *, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve in this thread until SIGINT or SIGTERM.

        Args:
            on_ready: Called without arguments once it answers.

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
            with self._listen() as listener:
                await self._serve_on(listener, handle_signals=handle_signals)
        finally:
            lock.release()

    async def _serve_on(self, listener: socket.socket, *, handle_signals: bool) -> None:
        farm = Farm(self._settings)
        try:
            await farm.start()
            self._loop = asyncio.get_running_loop()

            gate = _gate(self._settings.connections)
            self._server = _Server(_config(farm, self.reach, gate))
            if handle_signals:
                self._catch_signals()
            self._listening.set()
            self._on_ready()
            _log.info("manager_ready", url=self.url, data=str(self._settings.data_dir))
            await self._server.serve(sockets=[listener])
        finally:
            await farm.stop()

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                why = "another program uses that port"
            else:
                why = error.strerror or str(error)
            raise ServeError(
                f"Cannot listen on {self._host}:{self._port}: {why}. "
                "Choose another with --listen HOST:PORT."
            ) from error
        # Listen at once: a worker started at the same time waits in the backlog, unrefused.
        listener.listen(_BACKLOG)
        self._port = listener.getsockname()[1]
        return listener

    def _catch_signals(self) -> None:
        assert self._loop is not None
        for caught in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(caught, self._ask_to_stop)

    def _ask_to_stop(self) -> None:
        assert self._server is not None
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
    made the slowest ones four times slower. Hardly anything here is cyclic, so memory stays flat.
    """
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the program around it has some already."""

    def install_signal_handlers(self) -> None:
        """Install none."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Never called, as none are captured."""

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; once a second connections are looked at."""
        if counter % 10 == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                cast("BoundedHttp | BoundedWebSocket", connection).check(now)
        return await super().on_tick(counter)


def _gate(limits: ConnectionLimits) -> Gate:
    """Room for as many connections as this process may have files open, less its own."""
    return Gate(limits, most=max(1, raise_file_limit() - _OWN_FILES))


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


def _config(farm: Farm, reach: Reach, gate: Gate) -> uvicorn.Config:
    limits = farm.settings.connections
    log = logging.getLogger("uvicorn.error")
    if not any(isinstance(one, _Expected) for one in log.filters):
        log.addFilter(_Expected())
    return uvicorn.Config(
        create_app(farm, reach),
        log_config=None,
        access_log=False,
        lifespan="off",
        http=partial(BoundedHttp, gate=gate, limits=limits),  # type: ignore[arg-type]
        ws=partial(BoundedWebSocket, limits=limits),  # type: ignore[arg-type]
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        # Who is local is decided by who really connects, not by what a header says.
        proxy_headers=False,
        timeout_keep_alive=int(limits.idle_s),
        timeout_graceful_shutdown=1,
    )
