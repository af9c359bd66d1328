"""Keeps a process from connecting to anything but public addresses, whatever runs in it.

Names are looked up once, and what they lead to is filtered before anybody connects; so a name that
leads elsewhere a moment later (DNS rebinding), or a redirect, gains nothing. Below that an audit
hook looks at each connection that Python makes, at the address that it is really made to, and at
each program that is to be started, which none may.

It lasts for the rest of the process: an audit hook cannot be removed.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from framefarm.notify.networks import Allowed, is_public

_CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_STARTING = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"}
    | {"os.forkpty", "pty.spawn", "os.startfile"}
)


class ForbiddenAddressError(OSError):
    """A connection inside the farm's own network."""


class ForbiddenStartError(PermissionError):
    """A program was to be started."""


class Guard:
    """Lets connections through to what is public or allowed.

    Attributes:
        refused: What was not let through since the last `begin`.
    """

    def __init__(self) -> None:
        self.refused: list[str] = []
        self._allowed = Allowed()
        self._granted: set[str] = set()
        self._resolve: Callable[..., list[Any]] = socket.getaddrinfo

    def install(self) -> None:
        """Stand in front of this process's connections from now on."""
        setattr(socket, "getaddrinfo", self._getaddrinfo)  # noqa: B010  mypy would not have it
        sys.addaudithook(self._audit)

    def begin(self, allowed: Allowed) -> None:
        """From now on, besides public addresses, let these through and no others."""
        self._allowed = allowed
        self._granted.clear()
        self.refused.clear()

    def _getaddrinfo(self, host: Any, *arguments: Any, **options: Any) -> list[Any]:
        found = self._resolve(host, *arguments, **options)
        name = host.decode() if isinstance(host, bytes) else str(host)
        if self._allowed.host(name):
            self._granted.update(entry[4][0] for entry in found)
        kept = [entry for entry in found if self._permits(str(entry[4][0]))]
        if not kept:
            raise self._refuse(name)
        return kept

    def _permits(self, text: str) -> bool:
        if text in self._granted:
            return True
        try:
            address = ip_address(text)
        except ValueError:
            # A name, which the system would look up by itself, without anybody seeing to what.
            return False
        return is_public(address) or self._allowed.address(address)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STARTING:
            raise ForbiddenStartError(event)
        if event in _CONNECTING:
            address = arguments[1]
            # A text or bytes is the path of a socket on this machine.
            host = address[0] if isinstance(address, tuple) and address else ""
            if not isinstance(host, str) or not self._permits(host):
                raise self._refuse(str(host))

    def _refuse(self, host: str) -> ForbiddenAddressError:
        self.refused.append(host)
        return ForbiddenAddressError(f"{host} is not let through")
