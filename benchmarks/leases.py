"""Durable lease and finish round trips per second, over real WebSockets.

N simulated workers keep one connection each to a real `framefarm serve` process on this machine.
Each asks for a lease of one unit, reports it finished and asks again, as fast as it is answered. A
round trip is counted when the answer to the report (durable by then) and the next lease are both
there. `--files BYTES` uploads an image of that size with each unit, by the real request.

Beside it, in the same run, the baseline: what one bare SQLite commit per round trip gives on this
disk, with nothing around it: no network, no protocol, one writer.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import picows
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks.images import noise_png
from benchmarks.managers import RunningManager, running_manager
from benchmarks.reporting import report
from framefarm.agent.backoff import retry_after_s
from framefarm.protocol import (
    ResultFile,
    ResultManifest,
    decode_orders,
    encode_manifest,
    encode_reports,
)
from framefarm.protocol.limits import PROTOCOL_VERSION
from framefarm.protocol.messages import (
    Finished,
    Hello,
    Lease,
    MachineFacts,
    Ready,
    Report,
    SlotOffer,
    UnitFacts,
    Welcome,
)

_FACTS = UnitFacts(seconds=0.001, device="CPU")
_WARM_UP_S = 2.0
_TRIES = 20


@dataclass
class Meter:
    """What the workers measure."""

    began: float = 0.0
    ends: float = float("inf")
    latencies_s: list[float] = field(default_factory=list)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self, begun_at: float) -> None:
        """Count a round trip, once the warm-up is over."""
        now = time.perf_counter()
        if begun_at >= self.began and now <= self.ends:
            self.latencies_s.append(now - begun_at)


class SimulatedWorker(WSListener):  # type: ignore[misc]  # picows has no types
    """One worker with one slot."""

    def __init__(self, number: int, meter: Meter, upload: Upload | None) -> None:
        self._number = number
        self._meter = meter
        self._upload = upload
        self._asked_at = 0.0
        self._transport: WSTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.key = ""

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Say hello."""
        self._transport = transport
        hello = Hello(
            protocol=PROTOCOL_VERSION,
            boot_id=f"bench-{self._number}",
            name=f"bench-{self._number}",
            agent_version="bench",
            facts=MachineFacts(host="bench"),
            slots=(SlotOffer("cpu", ("trial",)),),
        )
        self._asked_at = time.perf_counter()
        self._send(hello, Ready("cpu"))

    def on_ws_frame(self, _: WSTransport, frame: WSFrame) -> None:
        """Take orders."""
        if frame.msg_type != WSMsgType.TEXT:
            return
        for order in decode_orders(frame.get_payload_as_bytes()):
            if isinstance(order, Welcome):
                self.key = order.key or ""
            elif isinstance(order, Lease):
                self._meter.count(self._asked_at)
                self._work(order)

    def on_ws_disconnected(self, _: WSTransport) -> None:
        """Count no more."""
        self._meter.stopped.set()

    def _work(self, lease: Lease) -> None:
        self._asked_at = time.perf_counter()
        unit = int(lease.units)
        if self._upload is not None:
            task = asyncio.get_running_loop().create_task(self._put(lease, unit, self._upload))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        self._send(Finished(lease.lease, lease.stage, unit, lease.attempt, _FACTS), Ready("cpu"))

    async def _put(self, lease: Lease, unit: int, upload: Upload) -> None:
        await upload.put(lease, unit, self.key)
        self._send(Ready("cpu"))

    def _send(self, *reports: Report) -> None:
        assert self._transport is not None
        self._transport.send(WSMsgType.TEXT, encode_reports(reports))


class Upload:
    """Sends results with an image over kept-alive connections, a plain HTTP/1.1 client."""

    def __init__(self, url: str, size_bytes: int, *, different: int = 64) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._images = [noise_png(size_bytes, seed=n) for n in range(different)]
        self._next = itertools.count()
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def put(self, lease: Lease, unit: int, key: str) -> None:
        """Upload one result and read the answer."""
        # A tail makes each image's bytes, and so its hash and blob, its own.
        image = with_comment(self._images[next(self._next) % len(self._images)], lease.lease)
        name = f"image/{unit:06d}.png"
        file = ResultFile(name, "image", hashlib.sha256(image).hexdigest(), len(image))
        manifest = ResultManifest(lease.stage, lease.attempt, (file,), _FACTS)
        body = encode_manifest(manifest) + image
        head = (
            f"PUT /api/leases/{lease.lease}/units/{unit} HTTP/1.1\r\n"
            f"Host: {self._host}:{self._port}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = await self._connection()
        writer.write(head.encode() + body)
        status = await reader.readuntil(b"\r\n\r\n")
        length = int(status.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if b" 200 " not in status.split(b"\r\n")[0]:
            raise RuntimeError(f"The manager answered {status!r} {answer!r}")
        self._idle.append((reader, writer))

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._idle:
            return self._idle.pop()
        return await asyncio.open_connection(self._host, self._port)

    def close(self) -> None:
        """Close all connections."""
        for _, writer in self._idle:
            writer.close()


def with_comment(png: bytes, text: str) -> bytes:
    """The same picture with other bytes: a text chunk before its end."""
    import zlib  # noqa: PLC0415  only here

    chunk = b"tEXt" + b"Comment\0" + text.encode()
    coded = (len(chunk) - 4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4)
    return png[:-12] + coded + png[-12:]


async def measure_running(
    manager: RunningManager, workers: int, seconds: float, size_bytes: int
) -> dict[str, Any]:
    """Round trips of so many workers of a manager that has work for them."""
    meter = Meter()
    upload = Upload(manager.url, size_bytes) if size_bytes else None
    address = manager.url.replace("http", "ws", 1) + "/api/workers/connect"
    transports = []
    for first in range(0, workers, 50):
        group = range(first, min(first + 50, workers))
        transports += await asyncio.gather(
            *(_connect(address, _factory(n, meter, upload)) for n in group)
        )
    began_cpu = manager.cpu_s()
    meter.began = time.perf_counter() + _WARM_UP_S
    meter.ends = meter.began + seconds
    await asyncio.wait({asyncio.create_task(meter.stopped.wait())}, timeout=seconds + _WARM_UP_S)
    if meter.stopped.is_set():
        raise RuntimeError("The manager closed a connection while it was measured.")
    cpu_s = manager.cpu_s() - began_cpu
    memory = manager.memory_mib()
    for transport in transports:
        transport.disconnect()
    await asyncio.sleep(0.5)
    if upload is not None:
        upload.close()
    return {
        **_summary(meter.latencies_s, seconds),
        "manager_cpu_cores": cpu_s / (seconds + _WARM_UP_S),
        "manager_memory_mib": memory,
    }


def _factory(number: int, meter: Meter, upload: Upload | None) -> Callable[[], SimulatedWorker]:
    return lambda: SimulatedWorker(number, meter, upload)


async def _connect(address: str, factory: Callable[[], SimulatedWorker]) -> WSTransport:
    """Connect, as often as the manager asks to come again because many come at the same time."""
    for _ in range(_TRIES):
        try:
            transport, _ = await ws_connect(factory, address)
        except picows.WSInvalidStatusError as refused:
            wait_s = retry_after_s(refused.response.headers.get("Retry-After"))
            if wait_s is None:
                raise
            await asyncio.sleep(wait_s)
        else:
            return transport
    raise RuntimeError(f"The manager had no room {_TRIES} times.")


def _summary(latencies_s: list[float], seconds: float) -> dict[str, float]:
    ordered = sorted(latencies_s)
    if not ordered:
        raise RuntimeError("No round trip was completed.")
    return {
        "round_trips_per_s": len(ordered) / seconds,
        "p50_ms": ordered[len(ordered) // 2] * 1e3,
        "p99_ms": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1e3,
    }


def bare_commits_per_s(seconds: float) -> float:
    """One row, one durable SQLite commit, again and again (WAL, synchronous=FULL)."""
    with tempfile.TemporaryDirectory(prefix="framefarm-measured-") as folder:
        connection = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE result (unit INTEGER PRIMARY KEY, facts TEXT)")
        end, count = time.perf_counter() + seconds, 0
        while time.perf_counter() < end:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO result VALUES (?, ?)", (count, "x" * 200))
            connection.execute("COMMIT")
            count += 1
        connection.close()
        return count / seconds


def measure(workers: int, seconds: float, size_bytes: int) -> dict[str, Any]:
    """One row: a fresh manager, one job of a million units in leases of one."""
    with running_manager() as manager:
        settings = {"units": "1-1000000", "largest_lease": 1, "image_bytes": size_bytes}
        manager.call("POST", "/api/jobs", {"kind": "trial", "settings": settings})
        return {
            "workers": workers,
            "file_bytes": size_bytes,
            **uvloop.run(measure_running(manager, workers, seconds, size_bytes)),
        }


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="*", default=[32, 1000])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--files", default="none", help="none, or bytes of each unit's image")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    size_bytes = 0 if asked.files == "none" else int(asked.files)
    bare = bare_commits_per_s(min(3.0, asked.seconds))
    rows = [measure(workers, asked.seconds, size_bytes) for workers in asked.workers]
    for row in rows:
        row["bare_commits_per_s"] = bare
    report("leases", rows, as_json=asked.json, seconds=asked.seconds, **rows[-1])


if __name__ == "__main__":
    main()
