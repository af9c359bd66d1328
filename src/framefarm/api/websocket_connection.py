"""A worker's WebSocket that neither blocks its manager nor grows without bound (L14).

uvicorn's protocol class waits with sending until the peer has read, and with closing as well; both
would let one stuck worker hold up the news of all others. Here sending never waits, and a worker
that does not take what it is sent is cut off; its leases stay its own (L8).
"""

from __future__ import annotations

from typing import Any

import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame

from framefarm.api.gate import Gate, Visit
from framefarm.api.pace import Pace
from framefarm.api.transports import drop, has_gone, unsent_bytes
from framefarm.farm.settings import ConnectionLimits

_log = structlog.get_logger(__name__)

MAX_FRAGMENTS = 1_000
"""Of one message; an empty one costs no bytes of the message's limit."""

MAX_PONGS_WAITING = 1_000

_CLOSING_S = 2.0
"""How long a peer has to answer a close."""


def _stays() -> None:
    """Nobody that is being greeted, or known, is asked to give way."""


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol with a bounded, unhurried sending side.

    Args:
        limits: What a connection may take.
        arguments: uvicorn's own.
    """

    def __init__(self, *, limits: ConnectionLimits, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._limits = limits
        self._gate: Gate | None = None
        self._visit: Visit | None = None
        self._came_bytes = 0
        self._heard_at = self.loop.time()
        self._closing_at: float | None = None
        self._outgoing = Pace(limits.least_bytes_per_s, limits.over_s)
        self._pinged_at_bytes = (0, 0)
        self._pongs_waiting = 0
        self.close_timeout = _CLOSING_S

    def take_over(self, gate: Gate, visit: Visit) -> None:
        """Go on with the connection that an HTTP request opened."""
        self._gate, self._visit = gate, visit
        # The one there was belongs to the HTTP connection, and would keep it and its head in memory
        # for as long as the worker stays.
        visit.give_way = _stays
        if self.disconnected or not hasattr(self, "scope"):
            return
        self.scope["state"]["connection"] = self

    # --- for the application ----------------------------------------------------------------

    def recognise(self) -> None:
        """The worker was welcomed: the connection is no stranger's."""
        if self._gate is not None and self._visit is not None:
            self._gate.recognise(self._visit)

    def has_gone(self) -> bool:
        """Whether the peer has given up already."""
        return self.disconnected or self.transport.is_closing() or has_gone(self.transport)

    def send_now(self, text: bytes) -> None:
        """Send a message without waiting; nothing happens when the peer has gone."""
        if self.disconnected or self.close_sent or self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > self._limits.unsent_bytes:
            self._cut_off("reads nothing")
            return
        try:
            self.conn.send_text(text)
        except InvalidState:
            # The peer's close is on its way through; the reading side ends the connection.
            return
        self.transport.write(b"".join(self.conn.data_to_send()))

    def check(self, now: float) -> None:
        """End the connection if its peer does not take what it is sent, or its end."""
        if self.transport.is_closing() or self.close_sent:
            self._closing_at = self._closing_at or now
            if now - self._closing_at > 2 * _CLOSING_S:
                drop(self.transport)
        elif self.writable.is_set():
            self._outgoing.restart()
        elif self._outgoing.too_slow(-unsent_bytes(self.transport), now):
            self._cut_off("reads too slowly")

    # --- what asyncio and uvicorn call ------------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        if self._gate is not None and self._visit is not None:
            self._gate.leave(self._visit)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if self.transport.is_closing():
            return
        self._came_bytes += len(data)
        super().data_received(data)

    def handle_ping(self) -> None:
        """A ping came; one that pings and never reads would fill the memory with answers."""
        self._pongs_waiting = 0 if self.writable.is_set() else self._pongs_waiting + 1
        if self._pongs_waiting > MAX_PONGS_WAITING:
            self._cut_off("reads nothing")
            return
        super().handle_ping()

    def handle_cont(self, event: Frame) -> None:
        """A message goes on."""
        self._heard_at = self.loop.time()
        if len(self.frames) >= MAX_FRAGMENTS:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """A message is complete."""
        self._heard_at = self.loop.time()
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """What came is no WebSocket frame, or too large."""
        if not self.transport.is_closing():
            super().handle_parser_exception()

    def send_keepalive_ping(self) -> None:
        """Ask a peer that has said nothing lately whether it is there."""
        assert self.ping_interval is not None
        quiet_s = self.loop.time() - self._heard_at
        if quiet_s < self.ping_interval and not self.close_sent:
            delay_s = self.ping_interval - quiet_s
            self.ping_timer = self.loop.call_later(delay_s, self.send_keepalive_ping)
            return
        self._pinged_at_bytes = self._moved_bytes()
        super().send_keepalive_ping()

    def keepalive_timeout(self) -> None:
        """A ping was not answered in time."""
        came, unsent = self._moved_bytes()
        least = self._limits.least_bytes_per_s * (self.ping_timeout or 0.0)
        if max(came - self._pinged_at_bytes[0], self._pinged_at_bytes[1] - unsent) >= least:
            # A large message is on its way over a thin line; the ping or its answer is behind it.
            self._pinged_at_bytes = (came, unsent)
            self.pong_timer = self.loop.call_later(self.ping_timeout or 0.0, self.keepalive_timeout)
            return
        super().keepalive_timeout()
        # A peer that is gone takes no close frame either, and closing would wait for that.
        drop(self.transport)

    def _moved_bytes(self) -> tuple[int, int]:
        return self._came_bytes, unsent_bytes(self.transport)

    def _cut_off(self, why: str) -> None:
        peer = self._visit.address if self._visit is not None else ""
        _log.warning("connection_cut_off", peer=peer, why=why)
        self.stop_keepalive()
        drop(self.transport)
