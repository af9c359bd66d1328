"""uvicorn's server, less what does not suit a manager: signals, accepting and stopping."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from types import FrameType
from typing import Any, cast

import uvicorn

from framefarm.api.accepting import Acceptor, Handshake
from framefarm.api.gate import Gate, Visit
from framefarm.api.http_connection import BoundedHttp
from framefarm.api.websocket_connection import BoundedWebSocket
from framefarm.farm.settings import ConnectionLimits

_LAST_ANSWERS_S = 1.0
"""How long requests that are being answered may still take when the manager stops."""

_CUT_OFF_S = 0.05
_LOOK_EVERY_S = 0.02
_TICKS = 10
"""A second has so many; uvicorn's number."""


class Server(uvicorn.Server):
    """Serves on sockets that listen already.

    Args:
        config: uvicorn's.
        gate: Counts connections.
        limits: What each may take.
    """

    def __init__(self, config: uvicorn.Config, gate: Gate, limits: ConnectionLimits) -> None:
        super().__init__(config)
        self._gate = gate
        self._limits = limits
        self._acceptor: Acceptor | None = None
        self._to_check: list[BoundedHttp | BoundedWebSocket] = []

    def install_signal_handlers(self) -> None:
        """Install none: the program around it has some already."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Never called, as none are captured."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        handshake = None
        if self.config.ssl is not None:
            handshake = Handshake(self.config.ssl, self._limits.handshake_s)
        self._acceptor = Acceptor(sockets or [], self._gate, self._protocol, handshake)
        self.servers = []
        self.started = True

    def _protocol(self, visit: Visit) -> BoundedHttp:
        return BoundedHttp(
            gate=self._gate,
            limits=self._limits,
            visit=visit,
            config=self.config,
            server_state=self.server_state,
            app_state={},
        )

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; each time a tenth of the connections is looked at.

        Looking at ten thousand at once held up everybody's messages for some 20 ms.
        """
        tick = counter % _TICKS
        if tick == 0:
            self._to_check = self._connections()
        now = asyncio.get_running_loop().time()
        for connection in self._to_check[tick::_TICKS]:
            # One that has become a WebSocket since is another's to look after.
            if connection in self.server_state.connections:
                connection.check(now)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, end what is idle, and then what does not end by itself."""
        if self._acceptor is not None:
            self._acceptor.close()
        for listener in sockets or []:
            listener.close()
        self._to_check = []
        for connection in self._connections():
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWERS_S):
                await self._answered()
        for task in self.server_state.tasks:
            task.cancel()
        await self._cut_off()

    async def _answered(self) -> None:
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_EVERY_S)  # uvicorn tells nobody

    async def _cut_off(self) -> None:
        """End connections whose other side does not: TLS waits half a minute for its goodbye."""
        connections = self._connections()
        for connection in connections:
            connection.transport.abort()
        if connections:
            # What is cut off is taken down by the loop, which ends next.
            await asyncio.sleep(_CUT_OFF_S)

    def _connections(self) -> list[BoundedHttp | BoundedWebSocket]:
        return [cast("Any", connection) for connection in self.server_state.connections]
