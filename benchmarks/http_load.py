"""Requests at a steady rate, whatever becomes of those before, over connections that are kept.

A request's time counts from when it was due, so that what waits behind a slow one is slow as well.
"""

from __future__ import annotations

import asyncio
import collections
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_END = b"\r\n\r\n"


@dataclass
class Measured:
    """What one kind of request took, in seconds, and how often it was not answered with 200."""

    latencies_s: list[float] = field(default_factory=list)
    refused: int = 0


@dataclass
class Load:
    """Asks a manager at a steady rate.

    Attributes:
        url: The manager's.
        rate: Requests a second.
        choose: The next request: what kind it is, and its path.
        follows: Kinds that never end: they are done when something came.
    """

    url: str
    rate: float
    choose: Callable[[], tuple[str, str]]
    follows: frozenset[str] = frozenset()
    measured: dict[str, Measured] = field(default_factory=lambda: collections.defaultdict(Measured))
    _idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def run(self, seconds: float) -> None:
        """Ask for so long, and wait for the last answer."""
        began, tasks = time.perf_counter(), set()
        for number in range(int(seconds * self.rate)):
            due_at = began + number / self.rate
            await asyncio.sleep(max(0.0, due_at - time.perf_counter()))
            tasks.add(asyncio.create_task(self._ask(due_at)))
        await asyncio.gather(*tasks)

    def close(self) -> None:
        """Close all connections."""
        for _, writer in self._idle:
            writer.close()

    async def _ask(self, due_at: float) -> None:
        kind, path = self.choose()
        reader, writer = await self._connection()
        host = urlsplit(self.url).netloc
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = await reader.readuntil(_END)
        if kind in self.follows:
            await reader.readuntil(b"\n")
            writer.close()
        else:
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            self._idle.append((reader, writer))
        found = self.measured[kind]
        found.latencies_s.append(time.perf_counter() - due_at)
        found.refused += b" 200 " not in head.split(b"\r\n")[0]

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._idle:
            return self._idle.pop()
        parts = urlsplit(self.url)
        return await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22)
