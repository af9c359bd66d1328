"""A small manager for the agent's tests: says what it is told to say, remembers what it hears."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import msgspec
import uvicorn

from framefarm.protocol import ResultManifest, decode_manifest, decode_reports, encode_orders
from framefarm.protocol import messages as msg

WAIT_S = 60.0
"""Patience, not a promise: how long things take is measured in `benchmarks`."""

_R = TypeVar("_R", bound=msg.Message)
_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[dict[str, Any]]]


@dataclass
class Answer:
    """What a `PUT` of a result is answered with."""

    status: int = 200
    body: bytes = b'{"answer":"accepted"}'
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Arrival:
    """A result that came."""

    lease: str
    unit: int
    manifest: ResultManifest
    files: dict[str, bytes]
    headers: dict[str, str]


@dataclass
class BlobRequest:
    """A blob that was asked for."""

    sha256: str
    range: str


class FakeManager:
    """Use as `async with FakeManager() as manager`."""

    def __init__(self) -> None:
        self.epoch = "epoch-1"
        self.lease_s = 30.0
        self.stall_s = 300.0
        self.enabled = True
        self.draining = False
        self.known: dict[str, str] = {}
        self.first_orders: list[msg.Order] = []
        self.refuse_with: msg.Bye | None = None
        self.no_room_for_s: int | None = None
        self.says_nothing = False
        self.reports: list[msg.Report] = []
        self.packets: list[list[msg.Report]] = []
        self.arrivals: list[Arrival] = []
        self.answers: deque[Answer] = deque()
        self.blobs: dict[str, bytes] = {}
        self.blob_requests: list[BlobRequest] = []
        self.cut_after: deque[int] = deque()
        self.refused: set[str] = set()
        self.hold_blobs: asyncio.Event | None = None
        self.connections = 0
        self.close_codes: list[int] = []
        self._read = 0
        self._changed = asyncio.Condition()
        self._send: _Send | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; on the same port as before when it was stopped."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen()
        self._port = listener.getsockname()[1]
        self._server = _Server(
            uvicorn.Config(
                self._app,
                log_config=None,
                interface="asgi3",
                lifespan="off",
                ws="websockets-sansio",
                timeout_graceful_shutdown=1,
            )
        )
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._serving

    def put_blob(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self.blobs[sha256] = content
        return sha256

    async def order(self, *orders: msg.Order) -> None:
        """Say something on the newest connection."""
        assert self._send is not None, "no worker is connected"
        await self._send({"type": "websocket.send", "text": encode_orders(orders).decode()})

    async def drop(self) -> None:
        """Break the newest connection."""
        assert self._send is not None
        await self._send({"type": "websocket.close", "code": 1012})

    async def heard(self, kind: type[_R], match: Callable[[_R], bool] = lambda _: True) -> _R:
        """The next report of this kind, from where the last call stopped."""

        def look() -> _R | None:
            for at in range(self._read, len(self.reports)):
                report = self.reports[at]
                if isinstance(report, kind) and match(report):
                    self._read = at + 1
                    return report
            return None

        return await self.until(look, f"{kind.__name__} after {self.reports[self._read :]}")

    async def arrived(self, count: int) -> list[Arrival]:
        """All results, as soon as there are so many."""
        await self.until(lambda: len(self.arrivals) >= count or None, f"{count} results")
        return self.arrivals

    async def until(self, look: Callable[[], _R | None], what: str) -> Any:
        """Wait until something happened here."""
        try:
            async with asyncio.timeout(WAIT_S), self._changed:
                while (found := look()) is None:
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"never came: {what}") from None

    async def _app(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        if scope["type"] == "websocket":
            await self._worker(receive, send)
        elif scope["method"] == "PUT":
            await self._result(scope, receive, send)
        else:
            await self._blob(scope, send)

    async def _note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # --- the worker's connection ---

    async def _worker(self, receive: _Receive, send: _Send) -> None:
        await receive()
        if self.no_room_for_s is not None:
            await self._send_away(send, self.no_room_for_s)
            return
        await send({"type": "websocket.accept"})
        self._send = send
        self.connections += 1
        message = await receive()
        while message["type"] != "websocket.disconnect":
            reports = decode_reports(message.get("text") or message["bytes"])
            self.packets.append(reports)
            for report in reports:
                if isinstance(report, msg.Hello):
                    await self._greet(report)
            self.reports += reports
            await self._note()
            message = await receive()
        self.close_codes.append(message["code"])
        await self._note()

    async def _send_away(self, send: _Send, seconds: int) -> None:
        self.connections += 1
        self.no_room_for_s = None
        headers = [(b"retry-after", str(seconds).encode())]
        await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b""})
        await self._note()

    async def _greet(self, hello: msg.Hello) -> None:
        if self.says_nothing:
            return
        if self.refuse_with is not None:
            await self.order(self.refuse_with)
            await self.drop()
            return
        known = hello.worker_id is not None and self.known.get(hello.worker_id) == hello.key
        worker_id = hello.worker_id if known and hello.worker_id else f"w{len(self.known) + 1}"
        key = None if known else f"key-of-{worker_id}"
        if key is not None:
            self.known[worker_id] = key
        await self.order(
            msg.Welcome(
                worker_id,
                self.epoch,
                self.lease_s,
                key,
                self.enabled,
                draining=self.draining,
                stall_s=self.stall_s,
            ),
            *self.first_orders,
        )

    # --- results and blobs ---

    async def _result(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        body = await _body(receive)
        line, _, rest = body.partition(b"\n")
        manifest = decode_manifest(line)
        files = {}
        for file in manifest.files:
            files[file.name], rest = rest[: file.size_bytes], rest[file.size_bytes :]
            assert hashlib.sha256(files[file.name]).hexdigest() == file.sha256
        assert not rest
        _, _, _, lease, _, unit = scope["path"].split("/")
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.arrivals.append(Arrival(lease, int(unit), manifest, files, headers))
        answer = self.answers.popleft() if self.answers else Answer()
        await _respond(send, answer.status, answer.body, answer.headers)
        await self._note()

    async def _blob(self, scope: dict[str, Any], send: _Send) -> None:
        sha256 = scope["path"].rpartition("/")[2]
        asked = dict(scope["headers"]).get(b"range", b"").decode()
        self.blob_requests.append(BlobRequest(sha256, asked))
        await self._note()
        if self.hold_blobs is not None:
            await self.hold_blobs.wait()
        if sha256 in self.refused:
            await _respond(send, 403, b'{"code":"not_leased"}', {})
            return
        content = self.blobs.get(sha256)
        if content is None:
            await _respond(send, 404, b'{"detail":"no such blob"}', {})
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        status = 206 if asked else 200
        part = content[start:]
        if self.cut_after:
            # Promises all of it, sends less: uvicorn then breaks the connection.
            cut = self.cut_after.popleft()
            with contextlib.suppress(RuntimeError):
                await _respond(send, status, part[:cut], {"content-length": str(len(part))})
            return
        await _respond(send, status, part, {})


async def _body(receive: _Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _respond(send: _Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    fields = {"content-length": str(len(body)), **headers}
    pairs = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def trial_task(stage: int = 1, **settings: float) -> msg.Task:
    return msg.Task(stage, 1, "trial", msgspec.Raw(msgspec.json.encode(settings)))


def trial_lease(
    name: str = "L1", units: str = "1", *, slot: str = "cpu", stage: int = 1
) -> msg.Lease:
    return msg.Lease(name, stage, slot, units, 1, 30.0)
