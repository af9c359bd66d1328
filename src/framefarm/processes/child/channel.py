"""The socket to whoever started this process: orders in, reports out, death at its end."""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
from typing import Any

MAX_ORDER_BYTES = 64 * 1024 * 1024
"""A movie of a million frames is joined of 20,833 segments, each named by its path."""


class Channel:
    """Lines of JSON over an inherited socket.

    A thread of its own reads, so that the end of the connection is noticed while Blender
    renders or FFmpeg encodes (both let other threads run).
    """

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        # It must never be handed to a child: the other end would not see it close.
        os.set_inheritable(fd, False)  # noqa: FBT003  the system's own signature
        self._sending = threading.Lock()
        self._orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def next_order(self) -> dict[str, Any]:
        """Wait for the next order."""
        return self._orders.get()

    def report(self, report: str, /, **fields: Any) -> None:
        """Send a report. Safe from any thread: Cycles reports progress from its own."""
        line = json.dumps({"report": report, **fields}, separators=(",", ":")).encode() + b"\n"
        try:
            with self._sending:
                self._socket.sendall(line)
        except OSError:
            os._exit(0)  # nobody is left to work for

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb") as stream:
                while line := stream.readline(MAX_ORDER_BYTES):
                    self._orders.put(json.loads(line))
        except (OSError, ValueError):
            os._exit(3)  # the other end broke the protocol
        # Not sys.exit: the main thread may be deep inside Blender or FFmpeg for minutes.
        os._exit(0)
