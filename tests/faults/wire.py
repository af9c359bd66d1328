"""A cable between one worker and its manager that tests can cut, mute, hold and corrupt.

A TCP relay that runs in a thread of the test. It forwards bytes as they come, and counts them, so
that a fault strikes after exactly so many bytes of a request or of its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Way = Literal["up", "down"]
"""From the worker to the manager, and back."""

Action = Literal["hold", "cut", "cut_all", "mute", "flip"]
"""Forward nothing more of the connection either way; break it; break all of the cable's; swallow
what goes on in the same way while the connection stays; change one byte."""

UPLOAD = b"PUT /api/leases"
DOWNLOAD = b"GET /api/blobs"
_PIECE_BYTES = 64 << 10
_TIMEOUT_S = 10.0


@dataclass
class Trap:
    """What is to happen to the first request of a sort that passes.

    Attributes:
        request: How it begins.
        way: Whether bytes of the request are counted, or those of its answer.
        after_bytes: How many of them pass, from the request's first one on.
        action: What happens then.
        sprung: Set when it happened.
        at: When that was, seconds since 1970.
    """

    request: bytes
    way: Way
    after_bytes: int
    action: Action
    sprung: threading.Event = field(default_factory=threading.Event)
    at: float = 0.0

    def wait(self, timeout_s: float = 60.0) -> float:
        """Wait until it happened; returns when."""
        if not self.sprung.wait(timeout_s):
            raise AssertionError(f"no {self.request!r} passed within {timeout_s:g} s")
        return self.at


@dataclass(eq=False)
class _Connection:
    writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    trap: Trap | None = None
    counted: int = 0
    held: bool = False
    mute: set[Way] = field(default_factory=set)

    def abort(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Wire:
    """One cable.

    Args:
        manager: Host and port of the manager.
        host: Where the worker's end is.
        called: What requests are to call the manager instead of `host`.
    """

    def __init__(
        self, manager: tuple[str, int], host: str = "127.0.0.1", *, called: str = ""
    ) -> None:
        self._manager = manager
        self._host = host
        self._called = called or host
        self._connections: set[_Connection] = set()
        self._traps: list[Trap] = []
        self._mute: set[Way] = set()
        self._cut = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._relay, host, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        """What the worker connects to."""
        return f"http://{self._host}:{self.port}"

    def trap(self, request: bytes, way: Way, after_bytes: int, action: Action) -> Trap:
        """Set a trap; see `Trap`."""
        trap = Trap(request, way, after_bytes, action)
        self._call(lambda: self._traps.append(trap))
        return trap

    def cut(self) -> float:
        """Break every connection and let none through until `mend`; returns when."""
        self._call(lambda: self._set_cut(cut=True))
        return time.time()

    def mute(self, way: Way) -> float:
        """Swallow everything that goes one way, on connections new and old, until `mend`."""
        self._call(lambda: self._mute.add(way))
        return time.time()

    def mend(self) -> None:
        """Be a cable again. A connection that lost bytes is of no use any more: it is broken."""
        self._call(self._mend)

    def close(self) -> None:
        """Take the cable away."""
        self._call(lambda: self._set_cut(cut=True))
        self._do(self._closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT_S)
        self._loop.close()

    # --- in the thread ----------------------------------------------------------------------

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_TIMEOUT_S)

    def _call(self, work: Callable[[], Any]) -> None:
        async def called() -> None:
            work()

        self._do(called())

    async def _closed(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _set_cut(self, *, cut: bool) -> None:
        self._cut = cut
        for connection in list(self._connections):
            connection.abort()

    def _mend(self) -> None:
        broken = [one for one in self._connections if self._mute or one.mute or one.held]
        self._cut = False
        self._mute.clear()
        self._traps.clear()
        for connection in broken:
            connection.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            manager_reader, manager_writer = await asyncio.open_connection(*self._manager)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection((writer, manager_writer))
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(connection, "up", reader, manager_writer))
                group.create_task(self._pump(connection, "down", manager_reader, writer))
        except asyncio.CancelledError:
            # Only `close` does that; the callback of asyncio's own streams would print it.
            return
        finally:
            self._connections.discard(connection)
            connection.abort()

    async def _pump(
        self,
        connection: _Connection,
        way: Way,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE_BYTES):
                passed = self._passed(connection, way, piece)
                if passed:
                    writer.write(passed)
                    await writer.drain()
        # One side has closed or broken: so is the other now, half-closed is not spoken here.
        connection.abort()

    def _passed(self, connection: _Connection, way: Way, piece: bytes) -> bytes:
        """What of a piece goes on."""
        if connection.held or way in self._mute or way in connection.mute:
            return b""
        if way == "up":
            piece = self._renamed(piece)
            self._meet(connection, piece)
        trap = connection.trap
        if trap is None or trap.way != way:
            return piece
        before = connection.counted
        connection.counted += len(piece)
        if connection.counted <= trap.after_bytes:
            return piece
        connection.trap = None
        return self._spring(connection, trap, piece, trap.after_bytes - before)

    def _renamed(self, piece: bytes) -> bytes:
        return piece.replace(
            b"\r\nHost: " + self._host.encode(), b"\r\nHost: " + self._called.encode()
        )

    def _meet(self, connection: _Connection, piece: bytes) -> None:
        trap = next((one for one in self._traps if one.request in piece), None)
        if trap is not None and connection.trap is None:
            self._traps.remove(trap)
            connection.trap, connection.counted = trap, 0

    def _spring(self, connection: _Connection, trap: Trap, piece: bytes, at: int) -> bytes:
        trap.at = time.time()
        trap.sprung.set()
        head, rest = piece[:at], piece[at:]
        match trap.action:
            case "flip":
                return head + bytes([rest[0] ^ 0x20]) + rest[1:]
            case "hold":
                connection.held = True
            case "mute":
                connection.mute.add(trap.way)
            case "cut":
                self._loop.call_soon(connection.abort)
            case "cut_all":
                self._loop.call_soon(self._abort_all)
        return head

    def _abort_all(self) -> None:
        for connection in list(self._connections):
            connection.abort()
