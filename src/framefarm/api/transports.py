"""What a connection's peer has not taken yet, and ending it all the same."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import struct


def unsent_bytes(transport: asyncio.Transport) -> int:
    """Bytes that wait in this process and, where the system tells, in its socket.

    A peer that reads nothing still lets the kernel take megabytes, and one that reads slowly frees
    them in large steps; only both numbers together fall steadily.
    """
    return transport.get_write_buffer_size() + _in_socket(transport)


def has_gone(transport: asyncio.Transport) -> bool:
    """Whether the peer has closed its side already, as far as the system tells.

    While a message is being worked on nothing more is read, so the end of the connection is not
    seen either; nobody should be taken in who gave up waiting for that.
    """
    return hasattr(select, "POLLRDHUP") and _holds(transport, select.POLLRDHUP, unknown=True)


def lies_unread(transport: asyncio.Transport) -> bool:
    """Whether something came that was not read yet: then it is this process that is late."""
    return hasattr(select, "POLLIN") and _holds(transport, select.POLLIN, unknown=False)


def _holds(transport: asyncio.Transport, what: int, *, unknown: bool) -> bool:
    poll = select.poll()
    try:
        poll.register(transport.get_extra_info("socket").fileno(), what)
        return bool(poll.poll(0))
    except (OSError, ValueError, AttributeError):
        return unknown


def drop(transport: asyncio.Transport) -> None:
    """End a connection at once, with what its peer has not taken.

    Closing waits until everything is sent, and even an abort leaves that to the kernel, which keeps
    the megabytes and tries for a quarter of an hour.
    """
    raw = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _in_socket(transport: asyncio.Transport) -> int:
    try:
        import fcntl  # noqa: PLC0415  Windows has none
        import termios  # noqa: PLC0415
    except ImportError:
        return 0
    raw = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        answer = fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
        return int(struct.unpack("i", answer)[0])
    return 0
