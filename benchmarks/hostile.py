"""What healthy calls cost while 2,000 connections send a byte every 5 seconds.

A real `framefarm serve`; five kinds of slow connections in equal parts: the head of a request,
a body, the head of a WebSocket's opening, a WebSocket without hello, a hello in pieces. Each sends
a byte every 5 s from an address of its own kind (127.0.2.x), and one that is closed is replaced by
the next, so that their number stays. Healthy calls (a request on a new connection, a request on one
that is kept, and a worker's heartbeat with its answer) are made 20 times a second each.

The baseline in the same run is the same calls without the slow ones, before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import itertools
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.managers import RunningManager, running_manager
from benchmarks.reporting import report
from framefarm.api.serving import raise_file_limit
from framefarm.protocol import encode_reports
from framefarm.protocol import messages as m
from framefarm.protocol.limits import PROTOCOL_VERSION

_BYTE_EVERY_S = 5.0
_CALLS_PER_S = 20.0
_UPGRADE = (
    b"GET /api/workers/connect HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
_KINDS = {
    "head": b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    "body": b"PUT /api/blobs/%b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n"
    % (b"0" * 64),
    "opening": _UPGRADE,
    "silent": _UPGRADE + b"\r\n",
    "frame": _UPGRADE + b"\r\n",
}
_FRAME = bytes([0x81, 0x80 | 100, 0, 0, 0, 0])
"""The beginning of a text frame of 100 bytes, masked with zeros; sent once the socket is open."""


class Attack:
    """Slow connections, kept at their number."""

    def __init__(self, url: str, count: int) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._count = count
        self.open = 0
        self.closed: collections.Counter[str] = collections.Counter()
        self.answers: collections.Counter[str] = collections.Counter()
        self.longest_s: dict[str, float] = collections.defaultdict(float)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        kinds = itertools.cycle(enumerate(_KINDS.items()))
        for number, (kind, (name, start)) in zip(range(self._count), kinds, strict=False):
            # 50 connections come from one address.
            address = (f"127.0.2.{1 + kind * 40 + number // len(_KINDS) // 50 % 40}", 0)
            self._tasks.append(asyncio.create_task(self._again_and_again(name, start, address)))

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _again_and_again(self, name: str, start: bytes, address: tuple[str, int]) -> None:
        await asyncio.sleep(_BYTE_EVERY_S * random.random())
        while True:
            try:
                reader, writer = await asyncio.open_connection(
                    self._host, self._port, local_addr=address
                )
            except OSError:
                await asyncio.sleep(1.0)
                continue
            began = time.monotonic()
            self.open += 1
            try:
                await self._one(name, reader, writer, start)
            finally:
                self.open -= 1
                writer.close()
            self.closed[name] += 1
            self.longest_s[name] = max(self.longest_s[name], time.monotonic() - began)
            # Not all at once: it is slow connections that are measured, not a flood of new ones.
            await asyncio.sleep(2 * _BYTE_EVERY_S * random.random())

    async def _one(
        self,
        name: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        start: bytes,
    ) -> None:
        """Send a byte now and then until the manager closes."""
        ended = asyncio.create_task(self._read(reader))
        try:
            writer.write(start)
            if name == "frame":
                await asyncio.wait({ended}, timeout=_BYTE_EVERY_S)
                writer.write(_FRAME)
            while not (await asyncio.wait({ended}, timeout=_BYTE_EVERY_S))[0]:
                if name != "silent":
                    writer.write(b"x")
        finally:
            ended.cancel()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while piece := await reader.read(4096):
                if piece.startswith(b"HTTP/1.1 "):
                    self.answers[piece[9:12].decode()] += 1
        except OSError:
            return


class Calls:
    """Healthy calls, each kind at a steady rate."""

    def __init__(self, manager: RunningManager) -> None:
        parts = urlsplit(manager.url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._address = manager.url.replace("http", "ws", 1) + "/api/workers/connect"
        self._request = (
            f"GET /api/health HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n\r\n".encode()
        )
        self._kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._socket: ClientConnection | None = None

    async def open(self) -> None:
        """Connect the worker."""
        self._socket = await connect(self._address, compression=None, proxy=None)
        hello = m.Hello(
            protocol=PROTOCOL_VERSION,
            boot_id="healthy",
            name="healthy",
            agent_version="bench",
            facts=m.MachineFacts(host="bench"),
            slots=(m.SlotOffer("cpu", ("trial",)),),
        )
        await self._socket.send(encode_reports([hello]), text=True)
        await self._socket.recv()

    async def measure(self, seconds: float) -> dict[str, list[float]]:
        """Seconds of each call, by kind."""
        self._kept = await asyncio.open_connection(self._host, self._port)
        kinds = {"new": self._new, "kept": self._on_kept, "heartbeat": self._heartbeat}
        taken = await asyncio.gather(*(self._steadily(call, seconds) for call in kinds.values()))
        self._kept[1].close()
        return dict(zip(kinds, taken, strict=True))

    async def close(self) -> None:
        """Disconnect the worker."""
        if self._socket is not None:
            await self._socket.close()

    async def _steadily(self, call: Callable[[], Awaitable[None]], seconds: float) -> list[float]:
        taken: list[float] = []
        began = time.perf_counter()
        for number in range(int(seconds * _CALLS_PER_S)):
            await asyncio.sleep(max(0.0, began + number / _CALLS_PER_S - time.perf_counter()))
            called = time.perf_counter()
            await call()
            taken.append(time.perf_counter() - called)
        return taken

    async def _new(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        await self._ask(reader, writer)
        writer.close()

    async def _on_kept(self) -> None:
        assert self._kept is not None
        await self._ask(*self._kept)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._request)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:16]:
            raise RuntimeError(f"The manager answered {head!r}")
        await reader.readexactly(
            int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        )

    async def _heartbeat(self) -> None:
        assert self._socket is not None
        # A lease that there is not is revoked, which is an answer.
        await self._socket.send(encode_reports([m.Heartbeat(("0" * 32,))]), text=True)
        await self._socket.recv()


def _row(when: str, taken: dict[str, list[float]]) -> dict[str, Any]:
    row: dict[str, Any] = {"when": when}
    for kind, seconds in taken.items():
        ordered = sorted(seconds)
        row[f"{kind}_p50_ms"] = ordered[len(ordered) // 2] * 1e3
        row[f"{kind}_p99_ms"] = ordered[len(ordered) * 99 // 100] * 1e3
    return row


async def _attack(url: str, count: int, seconds: float) -> dict[str, Any]:
    """Slow connections for so long; what became of them."""
    attack = Attack(url, count)
    attack.start()
    most_open = 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await asyncio.sleep(0.5)
        most_open = max(most_open, attack.open)
    open_at_the_end = attack.open
    await attack.stop()
    return {
        "most_open": most_open,
        "open_at_the_end": open_at_the_end,
        "closed": dict(attack.closed),
        "answers": dict(attack.answers),
        "longest_s": {kind: round(longest, 1) for kind, longest in attack.longest_s.items()},
    }


async def _attacked(url: str, count: int, seconds: float) -> asyncio.subprocess.Process:
    """The attack in a process of its own, so that its work is not taken for the manager's."""
    words = ("--attack", url, "--connections", str(count), "--seconds", str(seconds))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.hostile", *words, stdout=asyncio.subprocess.PIPE
    )


async def _measure(manager: RunningManager, count: int, seconds: float) -> dict[str, Any]:
    calls = Calls(manager)
    await calls.open()
    await calls.measure(2.0)
    rows = [_row("before", await calls.measure(seconds))]
    memory_mib = manager.memory_mib()
    # Until even the most patient limit, that of bodies, has been at each of them.
    attack = await _attacked(manager.url, count, max(50.0, seconds + 15.0))
    await asyncio.sleep(_BYTE_EVERY_S + 3.0)
    rows.append(_row("during", await calls.measure(seconds)))
    grown_mib = manager.memory_mib() - memory_mib
    told, _ = await attack.communicate()
    await asyncio.sleep(1.0)
    rows.append(_row("after", await calls.measure(seconds)))
    await calls.close()
    return {"rows": rows, "memory_grown_mib": round(grown_mib, 1), **json.loads(told)}


def _ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    before, during, after = rows
    return {
        kind: during[f"{kind}_p99_ms"] / ((before[f"{kind}_p99_ms"] + after[f"{kind}_p99_ms"]) / 2)
        for kind in ("new", "kept", "heartbeat")
    }


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--attack", metavar="URL", help="only be slow at a manager, and tell")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    raise_file_limit()
    if asked.attack:
        print(json.dumps(uvloop.run(_attack(asked.attack, asked.connections, asked.seconds))))
        return
    with running_manager() as manager:
        measured = uvloop.run(_measure(manager, asked.connections, asked.seconds))
    rows = measured.pop("rows")
    ratios = _ratios(rows)
    report("hostile", rows, as_json=False)
    print(json.dumps({"p99_ratio": ratios, **measured}, indent=1))
    if asked.json:
        report("hostile", rows, as_json=True, p99_ratio=ratios, **measured)


if __name__ == "__main__":
    main()
