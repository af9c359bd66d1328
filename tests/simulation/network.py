"""The network between one worker's machine and the manager.

A connection keeps its order and loses nothing but by breaking; requests by HTTP go beside it and
may overtake it. What can happen to both: delay, slow links, one direction or both blocked for a
while, cuts that lose what is on its way, answers that get lost, requests that arrive twice or
damaged.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol

from websockets.exceptions import ConnectionClosedError

from .timeline import Process, Timeline
from .trace import Trace

REFUSED_S = 0.002
CONNECT_S = 10.0
CONNECTIONS_NOTED = OFFERS_NOTED = 60
PING_S = 20.0
"""Either side notices a dead connection between one and two of these later."""


@dataclass
class Chances:
    """How likely each fault of a request is."""

    lost_request: float = 0.0
    lost_answer: float = 0.0
    repeated: float = 0.0
    damaged: float = 0.0
    cut: float = 0.0
    """Of one message on the connection: it is lost, and so is the connection."""


class Peer(Protocol):
    """The manager as the network sees it."""

    @property
    def process(self) -> Process | None:
        """The one that listens now."""

    def serve(self, end: ManagerEnd) -> None:
        """Talk to a worker."""

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> Coroutine[Any, Any, Response]:
        """Answer one request."""


@dataclass(frozen=True)
class Response:
    """An answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes


class UnreachableError(OSError):
    """The network or the manager is not there."""


class Way:
    """One direction of a machine's way to the manager: passes, or keeps things until it does."""

    def __init__(self) -> None:
        self.open = True
        self._waiting: list[Callable[[], None]] = []

    def pass_on(self, deliver: Callable[[], None]) -> None:
        if self.open:
            deliver()
        else:
            self._waiting.append(deliver)

    def block(self) -> None:
        self.open = False

    def unblock(self) -> None:
        self.open = True
        waiting, self._waiting = self._waiting, []
        for deliver in waiting:
            deliver()


class Cable:
    """What connects one machine with the manager.

    Args:
        name: Of the machine.
        timeline, rng, trace: Of the simulation.
        peer: The manager.
    """

    def __init__(
        self, name: str, timeline: Timeline, rng: random.Random, trace: Trace, peer: Peer
    ) -> None:
        self.name = name
        self.timeline = timeline
        self.rng = rng
        self.trace = trace
        self.peer = peer
        self.chances = Chances()
        self.delay_s = 0.01
        self.bytes_per_s = 1e7
        self.up, self.down = Way(), Way()
        self.wires: list[Wire] = []
        self.tried: deque[float] = deque(maxlen=CONNECTIONS_NOTED)
        """When it was tried to connect."""
        self.offered: dict[str, deque[float]] = {}
        """When each path was asked for."""
        self.heard_at = 0.0
        """When the manager last heard something of it on a connection."""
        self.on_damage: Callable[[], None] = lambda: None

    @property
    def whole(self) -> bool:
        """Whether both directions pass."""
        return self.up.open and self.down.open

    def latency(self, size_bytes: int = 0) -> float:
        """How long something takes, one way."""
        return self.delay_s * self.rng.uniform(0.5, 2.0) + size_bytes / self.bytes_per_s

    def block(self, *, up: bool, down: bool) -> None:
        """Let nothing pass; what lives on it notices by its pings, unless it ends before."""
        if up:
            self.up.block()
        if down:
            self.down.block()
        for wire in self.wires:
            wire.doubt(self.rng.uniform(PING_S, 2 * PING_S))

    def unblock(self) -> None:
        """Let everything pass again."""
        self.up.unblock()
        self.down.unblock()

    def cut(self) -> None:
        """Break all connections; what is on its way is lost."""
        for wire in list(self.wires):
            wire.break_("cut")

    async def connect(self, process: Process) -> ClientEnd:
        """Open a connection.

        Raises:
            UnreachableError: The network or the manager is not there.
        """
        self.tried.append(self.timeline.time())
        await asyncio.sleep(self.latency())
        manager = self.peer.process
        if not self.whole:
            await asyncio.sleep(CONNECT_S)
            raise UnreachableError("timed out")
        if manager is None or manager.frozen:
            await asyncio.sleep(REFUSED_S if manager is None else CONNECT_S)
            raise UnreachableError("refused")
        wire = Wire(self, process, manager)
        self.wires.append(wire)
        self.peer.serve(wire.manager_end)
        try:
            await asyncio.wait_for(wire.accepted, CONNECT_S)
        except TimeoutError:
            wire.break_("not accepted in time")
            raise
        return wire.worker_end

    async def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> Response:
        """Send a request and wait for the answer.

        Raises:
            UnreachableError: Some of it did not arrive; the manager may have acted on it.
        """
        offered = self.offered.setdefault(path, deque(maxlen=OFFERS_NOTED))
        offered.append(self.timeline.time())
        await asyncio.sleep(self.latency(len(body)))
        if not self.up.open or self.rng.random() < self.chances.lost_request:
            await asyncio.sleep(self.rng.uniform(0.0, CONNECT_S))
            raise UnreachableError("the request did not arrive")
        if self.rng.random() < self.chances.damaged:
            self.trace(self.name, "a request is damaged")
            self.on_damage()
            body = body[:-1] + bytes([body[-1] ^ 1])
        manager = self.peer.process
        if manager is None:
            raise UnreachableError("refused")
        answered = self._answered(manager, method, path, headers, body)
        if self.rng.random() < self.chances.repeated:
            self.timeline.outside(
                self.rng.uniform(0.0, 60.0), self._again, method, path, headers, body
            )
        response = await answered
        await asyncio.sleep(self.latency())
        if not self.down.open or self.rng.random() < self.chances.lost_answer:
            await asyncio.sleep(self.rng.uniform(0.0, CONNECT_S))
            raise UnreachableError("the answer did not arrive")
        return response

    def _answered(self, manager: Process, *request: Any) -> asyncio.Future[Response]:
        """The answer; an error when the manager dies before it."""
        future: asyncio.Future[Response] = self.timeline.create_future()

        async def answer() -> None:
            response = await self.peer.answer(*request)
            if not future.done():
                future.set_result(response)

        manager.run(answer())
        self._watch(manager, future)
        return future

    def _watch(self, manager: Process, future: asyncio.Future[Response]) -> None:
        if future.done():
            return
        if not manager.alive:
            future.set_exception(UnreachableError("the manager died before it answered"))
            return
        self.timeline.outside(0.5, self._watch, manager, future)

    def _again(self, *request: Any) -> None:
        """A proxy, or a client that heard no answer, sends the same once more."""
        manager = self.peer.process
        if manager is not None:
            self.trace(self.name, "a request arrives a second time")
            manager.run(self.peer.answer(*request))


class Wire:
    """One WebSocket connection with its two ends."""

    def __init__(self, cable: Cable, worker: Process, manager: Process) -> None:
        self.cable = cable
        self.worker = worker
        self.manager = manager
        self.broken = False
        self._up: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._down: asyncio.Queue[str | None] = asyncio.Queue()
        self.accepted: asyncio.Future[None] = cable.timeline.create_future()
        self._arrives = {"up": 0.0, "down": 0.0}
        self._up.put_nowait({"type": "websocket.connect"})
        self.manager_end = ManagerEnd(self, self._up.get, self._from_manager)
        self.worker_end = ClientEnd(self)

    def break_(self, why: str, *, manager_in_s: float = 0.05, worker_in_s: float = 0.05) -> None:
        """End it; each side hears of that when it does."""
        if self.broken:
            return
        self.broken = True
        self.cable.wires.remove(self)
        self.cable.trace(self.cable.name, "connection broken: %s", why)
        later = self.cable.timeline.outside
        later(manager_in_s, self._up.put_nowait, {"type": "websocket.disconnect", "code": 1006})
        later(worker_in_s, self._end_for_worker)

    def _end_for_worker(self) -> None:
        self._down.put_nowait(None)
        if not self.accepted.done():
            self.accepted.set_exception(UnreachableError("the connection broke"))

    def doubt(self, after_s: float) -> None:
        """One of its ends may have gone silent; pings will tell."""
        self.cable.timeline.outside(after_s, self._ping)

    def _ping(self) -> None:
        if not self.cable.whole or self.worker.frozen or self.manager.frozen:
            self.break_("no answer to pings", worker_in_s=self.cable.rng.uniform(0.0, PING_S))

    def to_manager(self, text: str) -> None:
        """Send from the worker."""
        message = {"type": "websocket.receive", "text": text}
        self._send("up", self.cable.up, len(text), partial(self._heard, message))

    def _heard(self, message: dict[str, Any]) -> None:
        self.cable.heard_at = self.cable.timeline.time()
        self._up.put_nowait(message)

    def _accept(self, headers: dict[str, str]) -> None:
        self.worker_end.response.headers = headers
        if not self.accepted.done():
            self.accepted.set_result(None)

    def to_worker(self, text: str) -> None:
        """Send from the manager."""
        self._send("down", self.cable.down, len(text), lambda: self._down.put_nowait(text))

    async def _from_manager(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self.to_worker(message["text"])
        elif message["type"] == "websocket.accept":
            headers = {k.decode(): v.decode() for k, v in message.get("headers", ())}
            self._send("down", self.cable.down, 0, partial(self._accept, headers))
        elif message["type"] == "websocket.close":
            # After what was sent before it.
            self._send("down", self.cable.down, 0, lambda: self.break_("closed by the manager"))

    def _send(self, way: str, path: Way, size: int, deliver: Callable[[], None]) -> None:
        if self.broken:
            return
        if self.cable.rng.random() < self.cable.chances.cut:
            self.break_("cut in the middle of a message")
            return
        now = self.cable.timeline.time()
        # Never before what was sent earlier: only other connections may overtake.
        arrives = max(self._arrives[way], now + self.cable.latency(size))
        self._arrives[way] = arrives
        arrive = partial(path.pass_on, lambda: None if self.broken else deliver())
        self.cable.timeline.outside(arrives - now, arrive)


@dataclass(frozen=True)
class ManagerEnd:
    """The manager's end: ASGI, and what the application asks of its connection besides."""

    wire: Wire
    receive: Callable[[], Coroutine[Any, Any, dict[str, Any]]]
    send: Callable[[Any], Coroutine[Any, Any, None]]

    def send_now(self, text: bytes) -> None:
        """Send without waiting."""
        self.wire.to_worker(text.decode())

    def recognise(self) -> None:
        """Strangers are not simulated."""


class ClientEnd:
    """The worker's end: what `websockets.connect` gives, as far as the agent uses it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.transport = self
        self.response = SimpleNamespace(headers={})

    async def recv(self, *, decode: bool | None = None) -> str:  # noqa: ARG002
        text = await self._wire._down.get()
        if text is None:
            self._wire._down.put_nowait(None)
            raise ConnectionClosedError(None, None)
        return text

    async def send(self, packet: bytes, *, text: bool = True) -> None:  # noqa: ARG002
        if self._wire.broken:
            raise ConnectionClosedError(None, None)
        self._wire.to_manager(packet.decode())

    def abort(self) -> None:
        self._wire.break_("given up by the worker")
