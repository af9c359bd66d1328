"""What a child prints, bounded, cut into one piece for each order."""

from __future__ import annotations

import asyncio

TAIL_BYTES = 16 * 1024
_PAUSE_S = 0.001
"""Between pieces of 64 KiB from a process that printed more than is kept: it is slowed down to
60 MB/s, so that the agent's heartbeats do not suffer from its flood."""


class LogCapture:
    """Collects a process's output from its pipe; the oldest is dropped beyond the limit.

    The driver ends each order by printing a mark, so that a piece holds exactly what was printed
    while the order was carried out, although pipe and socket race each other.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._buffer = bytearray()
        self._dropped = 0
        self._last = b""
        self._grown = asyncio.Event()
        self._ended = False

    async def collect(self, stream: asyncio.StreamReader) -> None:
        """Read until the stream ends. Run it as a task."""
        while chunk := await stream.read(65536):
            self._buffer += chunk
            excess = len(self._buffer) - self._limit
            if excess > 0:
                del self._buffer[:excess]
                self._dropped += excess
                await asyncio.sleep(_PAUSE_S)
            self._grown.set()
        self._ended = True
        self._grown.set()

    async def take_until(self, mark: str, timeout_s: float) -> str:
        """Everything printed before the mark, and start over after it.

        Without the mark within the time (its process died) everything there is.
        """
        needle = f"\n{mark}\n".encode()
        try:
            async with asyncio.timeout(timeout_s):
                while (at := self._buffer.find(needle)) < 0 and not self._ended:
                    self._grown.clear()
                    await self._grown.wait()
        except TimeoutError:
            at = -1
        return self._cut(at, len(needle)) if at >= 0 else self._cut(len(self._buffer), 0)

    def tail(self) -> str:
        """The last few kilobytes, also when they were taken already."""
        return (self._last + bytes(self._buffer))[-TAIL_BYTES:].decode("utf-8", errors="replace")

    def _cut(self, end: int, mark_bytes: int) -> str:
        piece = bytes(self._buffer[:end])
        del self._buffer[: end + mark_bytes]
        note = f"[{self._dropped} bytes dropped here]\n" if self._dropped else ""
        self._dropped = 0
        self._last = (self._last + piece)[-TAIL_BYTES:]
        return note + piece.decode("utf-8", errors="replace")
