"""An HTTP connection that a slow or hostile peer cannot hold on to (L14).

uvicorn waits for ever for the head and the body of a request and for a peer that does not read its
answer, and its fast parser takes a head of any length. Here each of these has a bound; ADR 0008
tells why it is built on uvicorn's protocol class. `check` is called about once a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from framefarm.api.gate import Gate, Visit, admit, many_come
from framefarm.api.pace import Pace
from framefarm.api.problems import as_http
from framefarm.api.transports import drop, has_gone, lies_unread, unsent_bytes
from framefarm.farm.settings import ConnectionLimits

MAX_PIPELINED = 16
"""Requests sent ahead on one connection; nobody's client sends more than one."""

_TWO_HOSTS = "This request has more than one Host header; send one (RFC 9112, 3.2)."
"""A proxy before this manager might go by one of them, and the guard by the other."""

_NO_HOST = "This request has no Host header, which HTTP/1.1 asks for (RFC 9112, 3.2)."

_LINGER_S = 5.0
"""How long the rest of a stranger's body is swallowed whose request is answered already, so that it
reads the answer rather than a broken connection. Of those that are known all is swallowed: most
clients only read when they have sent everything."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol with deadlines, rates and bounded memory.

    Args:
        gate: Counts connections.
        limits: What one may take.
        visit: This one's place, which it has had since it was accepted.
        arguments: uvicorn's own.
    """

    def __init__(
        self, *, gate: Gate, limits: ConnectionLimits, visit: Visit, **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self._gate = gate
        self._limits = limits
        self._visit = visit
        self._due_at = 0.0
        self._answered_at: float | None = None
        self._closing_at: float | None = None
        self._still_counts: Callable[[], bool] = lambda: True
        self._shown = False
        self._in_body = False
        self._head_ended = False
        self._came_bytes = 0
        self._head_bytes = 0
        self._wrong = ""
        self._incoming = Pace(limits.least_bytes_per_s, limits.over_s)
        self._outgoing = Pace(limits.least_bytes_per_s, limits.over_s)

    # --- what asyncio and the parser call ---------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A peer has connected."""
        super().connection_made(transport)
        self._due_at = self.loop.time() + self._limits.head_s
        self._visit.give_way = self._give_way
        admit(self._gate, self._visit)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._gate.leave(self._visit)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if self.transport.is_closing():
            return
        self._came_bytes += len(data)
        self._head_ended = self._in_body
        super().data_received(data)
        if self._head_ended:
            return
        self._head_bytes += len(data)
        if self._head_bytes > self._limits.head_bytes and not self.transport.is_closing():
            self._refuse(431, "head_too_large", "The head of this request is too long.")

    def on_message_begin(self) -> None:
        """The first byte of a request came."""
        super().on_message_begin()
        self.scope["state"]["connection"] = self
        self._due_at = min(self._due_at, self.loop.time() + self._limits.head_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header came, or, behind a body, a trailer."""
        if self._in_body:
            self._head_bytes += len(name) + len(value)
            if self._head_bytes > self._limits.head_bytes:
                raise ValueError("too many trailers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A request's head is complete."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many requests at once")
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts != 1 and (hosts or self.parser.get_http_version() == "1.1"):
            self._wrong = _TWO_HOSTS if hosts else _NO_HOST
            raise ValueError(self._wrong)
        self._head_ended = True
        self._head_bytes = 0
        self._answered_at = None
        self._incoming.restart()
        self._gate.begin(self._visit)
        alone = not self._in_hand()
        self._in_body = True
        super().on_headers_complete()
        if alone:
            self._begin_alone()

    def _begin_alone(self) -> None:
        """A request has begun that no other was in front of; nobody is behind it yet."""
        self._shown = False
        if self.cycle is not None and not self._still_counts():
            # Whoever asked before is logged out or revoked. This one hears that, and comes anew.
            self.cycle.keep_alive = False

    def _in_hand(self) -> bool:
        """Whether a request is under way, or its answer."""
        if self._in_body or unsent_bytes(self.transport):
            return True
        return self.cycle is not None and not self.cycle.response_complete

    def on_message_complete(self) -> None:
        """A request's body is complete."""
        super().on_message_complete()
        self._in_body = False
        self._due_at = float("inf")
        if self.cycle is not None and self.cycle.response_complete:
            self._await_next()

    def on_response_complete(self) -> None:
        """A request is answered."""
        super().on_response_complete()
        if self._in_body:
            self._answered_at = self.loop.time()
        elif not self.pipeline and self.cycle.response_complete:
            self._await_next()

    def resume_writing(self) -> None:
        """The peer has read."""
        super().resume_writing()
        self._outgoing.restart()

    def handle_websocket_upgrade(self) -> None:
        """A worker opens its WebSocket; it may have to come again later."""
        if self.transport.is_closing():
            return
        if has_gone(self.transport):
            self.transport.close()
            return
        wait_s = self._gate.greet(self._visit, self.loop.time())
        if wait_s is not None:
            self._refuse(503, "busy", many_come(wait_s), retry_in_s=wait_s)
            return
        super().handle_websocket_upgrade()
        upgraded: Any = self.transport.get_protocol()
        upgraded.take_over(self._gate, self._visit)

    # --- what this manager calls ------------------------------------------------------------

    def recognise(self, still_counts: Callable[[], bool]) -> None:
        """The request in hand has shown whose the connection is.

        Args:
            still_counts: Whether that one may go on. A file may take hours to pass; who is revoked
                meanwhile is cut off.
        """
        self._still_counts = still_counts
        self._shown = True
        self._gate.recognise(self._visit)

    def check(self, now: float) -> None:
        """End the connection if its peer takes too long with something."""
        if self.transport.is_closing():
            self._end_closing(now)
        elif self._shown and self._in_hand() and not self._still_counts():
            # Between two requests nothing is cut off: the next may be on its way already.
            drop(self.transport)
        elif self._in_body:
            self._check_body(now)
        elif now > self._due_at and not lies_unread(self.transport):
            self._end_waiting()
        elif self.flow.write_paused:
            self._check_reading(now)

    def _end_closing(self, now: float) -> None:
        if self._closing_at is None:
            self._closing_at = now
        elif now - self._closing_at > _LINGER_S:
            # What is left to send is not being read: closing would wait for that for ever.
            drop(self.transport)

    def _end_waiting(self) -> None:
        if self.cycle is None or self._head_bytes:
            self._refuse(408, "too_slow", "The head of this request took too long.")
        else:
            self.transport.close()

    def _check_body(self, now: float) -> None:
        lingers_s = 0.0 if self._answered_at is None else now - self._answered_at
        if lingers_s > _LINGER_S and not self._visit.known:
            self.transport.close()
        elif self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._incoming.restart()
        elif self._incoming.too_slow(self._came_bytes, now):
            self._refuse(408, "too_slow", "The body of this request came too slowly.")

    def _check_reading(self, now: float) -> None:
        if self._outgoing.too_slow(-unsent_bytes(self.transport), now):
            drop(self.transport)

    def _await_next(self) -> None:
        self._gate.end(self._visit)
        self._head_bytes = 0
        self._due_at = self.loop.time() + self._limits.idle_s

    def _give_way(self) -> None:
        self._gate.leave(self._visit)
        # Most likely it is one of thousands of workers that come at once.
        wait_s = self._gate.turn(self.loop.time())
        detail = f"This manager has too many connections; try again in {wait_s:.1f} s."
        self._refuse(503, "busy", detail, retry_in_s=wait_s)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(400, "bad_request", self._wrong or msg)

    def _refuse(
        self, status: int, code: str, detail: str, *, retry_in_s: float | None = None
    ) -> None:
        """Answer without the application, and close."""
        begun = self.cycle is not None and self.cycle.response_started
        if not begun or self.cycle.response_complete:
            self.transport.write(as_http(status, code, detail, retry_in_s=retry_in_s))
        self.transport.close()
