"""Taking in connections: many at a time, and counted before they have said anything (L14).

The event loop's own servers accept one connection each time round. A loop that has much to do goes
round some two hundred times a second; after a restart ten thousand workers then wait for their turn
in the kernel's queue until they give up. They also count no connection before its TLS handshake is
done, and grant a minute for that.

Nor does it take a connection with all that belongs to one to say "not now": while workers are being
taken in, others are told when to come again by what `accept` returned, at a tenth of the cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from framefarm.api.gate import Gate, Visit, admit, many_come
from framefarm.api.problems import as_http
from framefarm.protocol.discovery import CONNECT_PATH

_log = structlog.get_logger(__name__)

_AT_A_TIME = 64
"""Connections taken in in one go, so that those that are there have their turn as well."""

_LOOKED_AT = 512
"""The same, with those that are told to come again."""

_HEAD_BYTES = 4_096
_WORKERS = b"GET %b " % CONNECT_PATH.encode()
_END_OF_HEAD = b"\r\n\r\n"

_REST_S = 0.5
"""How long nobody is accepted when the system has no room for another connection."""

Open = Callable[[Visit], asyncio.Protocol]


@dataclass(frozen=True)
class Handshake:
    """How connections are secured.

    Attributes:
        context: What speaks TLS.
        within_s: How long its handshake may take.
    """

    context: ssl.SSLContext
    within_s: float


class Acceptor:
    """Accepts connections on listening sockets until it is closed.

    Args:
        listeners: The sockets; they stay the caller's.
        gate: Counts connections.
        protocol: Makes the protocol of one.
        handshake: None for connections without TLS.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        gate: Gate,
        protocol: Open,
        handshake: Handshake | None = None,
    ) -> None:
        self._listeners = listeners
        self._gate = gate
        self._protocol = protocol
        self._handshake = handshake
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._resting: dict[socket.socket, asyncio.TimerHandle] = {}
        for listener in listeners:
            listener.settimeout(0.0)
            self._listen(listener)

    def close(self) -> None:
        """Accept no more, and leave those whose handshake is not done."""
        for listener in self._listeners:
            self._loop.remove_reader(listener)
        for timer in self._resting.values():
            timer.cancel()
        for task in self._opening:
            task.cancel()

    def _listen(self, listener: socket.socket) -> None:
        self._resting.pop(listener, None)
        self._loop.add_reader(listener, self._accept_some, listener)

    def _accept_some(self, listener: socket.socket) -> None:
        taken = 0
        for _ in range(_LOOKED_AT):
            try:
                peer, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._rest(listener, error)
                return
            peer.settimeout(0.0)
            if self._turned_away(peer, address[0]):
                continue
            self._take_in(peer, address[0])
            taken += 1
            if taken == _AT_A_TIME:
                return

    def _turned_away(self, peer: socket.socket, address: str) -> bool:
        """Tell a worker for which there is no room when to come again; False for everyone else."""
        if self._handshake is not None or not self._gate.crowded(address):
            return False
        with contextlib.suppress(OSError):
            head = peer.recv(_HEAD_BYTES, socket.MSG_PEEK)
            if not (head.startswith(_WORKERS) and head.endswith(_END_OF_HEAD)):
                return False
            # Left unread, it would make closing a reset, which may overtake the answer.
            peer.recv(len(head))
            wait_s = self._gate.turn(self._loop.time())
            peer.send(as_http(503, "busy", many_come(wait_s), retry_in_s=wait_s))
            peer.close()
            return True
        return False

    def _rest(self, listener: socket.socket, error: OSError) -> None:
        """Asked at once again the kernel would refuse again, for as long as it has no room."""
        _log.warning("cannot_accept", error=error.strerror, again_in_s=_REST_S)
        self._loop.remove_reader(listener)
        self._resting[listener] = self._loop.call_later(_REST_S, self._listen, listener)

    def _take_in(self, peer: socket.socket, address: str) -> None:
        visit = Visit(address, lambda: None)
        task = self._loop.create_task(self._open(peer, visit))
        visit.give_way = task.cancel
        self._opening.add(task)
        task.add_done_callback(partial(self._opened, peer, visit))
        if self._handshake is not None:
            # Others are counted in a moment, when they can be told why they have to go.
            admit(self._gate, visit)

    async def _open(self, peer: socket.socket, visit: Visit) -> None:
        if self._handshake is None:
            await self._loop.connect_accepted_socket(lambda: self._protocol(visit), peer)
            return
        await self._loop.connect_accepted_socket(
            lambda: self._protocol(visit),
            peer,
            ssl=self._handshake.context,
            ssl_handshake_timeout=self._handshake.within_s,
        )

    def _opened(self, peer: socket.socket, visit: Visit, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        if task.cancelled():
            self._forget(peer, visit)
        elif (error := task.exception()) is not None:
            # No TLS was spoken, or too slowly; strangers do so as often as they like.
            _log.debug("connection_not_opened", peer=visit.address, error=str(error))
            self._forget(peer, visit)

    def _forget(self, peer: socket.socket, visit: Visit) -> None:
        self._gate.leave(visit)
        peer.close()
