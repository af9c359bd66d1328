"""Raw connections that take their time, or send what no client would."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator

from tests.integration.api.manager import SOON_S, Manager

UPGRADE = (
    b"GET /api/workers/connect HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    + base64.b64encode(bytes(16))
    + b"\r\n"
)


class Raw:
    """One TCP connection to a manager."""

    def __init__(self, manager: Manager, *, receive_buffer: int | None = None) -> None:
        url = manager.http.base_url
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(SOON_S)
        self.socket.connect((url.host, url.port))

    def send(self, content: bytes) -> Raw:
        self.socket.sendall(content)
        return self

    def end(self) -> Raw:
        """Say that nothing more will be sent; the manager may have gone already."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        return self

    def first(self) -> bytes:
        """What comes next; nothing more is read."""
        with self.socket:
            return self.socket.recv(65536)

    def rest(self) -> bytes:
        """All that comes until the manager closes, which it has to in time."""
        received = b""
        deadline = time.monotonic() + SOON_S
        with self.socket:
            while time.monotonic() < deadline:
                try:
                    piece = self.socket.recv(65536)
                except ConnectionResetError:
                    return received
                if not piece:
                    return received
                received += piece
        raise AssertionError("the connection was not closed")

    def trickle(self, pieces: Iterator[bytes], every_s: float = 0.05) -> bytes:
        """Send one piece after the other, slowly, until the manager closes; what it said."""
        over = threading.Event()

        def send() -> None:
            for piece in pieces:
                if over.wait(every_s):
                    return
                try:
                    self.socket.sendall(piece)
                except OSError:
                    return

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        try:
            return self.rest()
        finally:
            over.set()
            sender.join(SOON_S)

    def upgrade(self) -> Raw:
        """Open a WebSocket."""
        answer = self.send(UPGRADE + b"\r\n").head()
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return self

    def head(self) -> bytes:
        """What comes until the head of an answer is complete."""
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = self.socket.recv(4096)
            assert piece, answer
            answer += piece
        return answer

    def close(self) -> None:
        self.socket.close()


def frame(payload: bytes, *, opcode: int = 1, fin: bool = True, length: int | None = None) -> bytes:
    """A WebSocket frame as a client sends it; `length` may announce more than there is."""
    announced = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | opcode])
    if announced < 126:
        head += bytes([0x80 | announced])
    elif announced < 1 << 16:
        head += bytes([0x80 | 126]) + announced.to_bytes(2)
    else:
        head += bytes([0x80 | 127]) + announced.to_bytes(8)
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return head + mask + masked


def one_by_one(content: bytes) -> Iterator[bytes]:
    """Its bytes, each alone, then zeros for ever."""
    for at in range(len(content)):
        yield content[at : at + 1]
    while True:
        yield b"0"


def open_connections(manager: Manager) -> int:
    """How many connections the manager has."""
    assert manager.server._server is not None
    return len(manager.server._server.server_state.connections)
