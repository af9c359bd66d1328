"""Finding managers on the local network, by multicast DNS."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from zeroconf import Error, ServiceBrowser, ServiceListener, Zeroconf

from framefarm.protocol.discovery import FARM_PROPERTY, SERVICE_TYPE, TLS_PROPERTY

BROWSE_S = 2.0
"""How long to listen. Answers come within a tenth of a second; a busy Wi-Fi loses some, and the
question is asked again after one second."""

_DETAILS_S = 1.0
_CONNECT_S = 0.5


@dataclass(frozen=True, slots=True)
class FoundManager:
    """A manager that announces itself, at an address that was reached.

    Attributes:
        name: What it calls itself.
        farm: Which farm it is of. Anybody can announce anything, so this proves nothing.
        url: Where it is.
    """

    name: str
    farm: str
    url: str


def browse(wait_s: float = BROWSE_S) -> list[FoundManager]:
    """The managers on the local network that can be reached, by name. Takes `wait_s`.

    A network that allows no multicast looks like one without managers.
    """
    try:
        listener = Zeroconf()
    except OSError:
        return []
    with contextlib.closing(listener):
        names = _Names()
        browser = ServiceBrowser(listener, SERVICE_TYPE, names)
        time.sleep(wait_s)
        browser.cancel()
        found = [_look_up(listener, name) for name in sorted(names.seen)]
    return [manager for manager in found if manager is not None]


class _Names(ServiceListener):
    """Collects the names of what is announced."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        del zc, type_
        self.seen.add(name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        del zc, type_
        self.seen.discard(name)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Its details are asked for at the end anyway."""


def _look_up(listener: Zeroconf, name: str) -> FoundManager | None:
    try:
        info = listener.get_service_info(SERVICE_TYPE, name, timeout=int(_DETAILS_S * 1000))
    except (Error, OSError):
        return None
    if info is None or info.port is None:
        return None
    address = _first_reached(info.parsed_scoped_addresses(), info.port)
    if address is None:
        return None
    told = info.decoded_properties
    scheme = "https" if told.get(TLS_PROPERTY) == "1" else "http"
    host = f"[{address}]" if ":" in address else address
    return FoundManager(
        name=_printable(name.removesuffix(f".{SERVICE_TYPE}")),
        farm=told.get(FARM_PROPERTY) or "",
        url=f"{scheme}://{host}:{info.port}",
    )


def _first_reached(addresses: Sequence[str], port: int) -> str | None:
    """The first of several addresses at which something answers."""
    for address in addresses:
        # Off the cable since, or an address of another network of that machine.
        with (
            contextlib.suppress(OSError),
            socket.create_connection((address, port), timeout=_CONNECT_S),
        ):
            return address
    return None


def _printable(name: str) -> str:
    return "".join(one for one in name[:80] if one.isprintable())
