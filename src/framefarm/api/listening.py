"""The sockets that a manager listens on."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator

from framefarm.api.reach import is_loopback
from framefarm.core.errors import FrameFarmError

_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104  compared, not listened on
_LOCAL = "127.0.0.1"


class ServeError(FrameFarmError):
    """The manager could not be started."""

    code = "serve"


class ListenError(ServeError):
    """An address cannot be listened on."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"Cannot listen on {host}:{port}: {why}. Choose another with --listen HOST:PORT."
        )


@contextlib.contextmanager
def listening(host: str, port: int, *, backlog: int) -> Iterator[list[socket.socket]]:
    """Sockets that listen on an address; they are closed at the end.

    Where that is one address that others reach, 127.0.0.1 is listened on as well: who uses the
    manager from its own machine is told from others by coming over the loopback.

    Args:
        host: Address or name.
        port: 0 takes any free one.
        backlog: How many may wait to be let in. They listen at once, so that a worker started at
            the same time waits there, unrefused.

    Raises:
        ListenError: The address is not this machine's, or in use.
    """
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(_listen(host, port, backlog))]
        taken = sockets[0].getsockname()[1]
        if host not in _ANY and not is_loopback(host):
            sockets.append(opened.enter_context(_listen(_LOCAL, taken, backlog)))
        yield sockets


def _listen(host: str, port: int, backlog: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if host == "::":
            # Both kinds of address, whatever the system's default is.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise ListenError(host, port, _reason(error)) from error
    return listener


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program uses that port"
    if isinstance(error, socket.gaierror):
        return "there is no such name"
    return error.strerror or str(error)
