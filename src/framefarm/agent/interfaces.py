"""The network interface that leads to the manager. Blocks on name resolution."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped,unused-ignore]  # stubs are a package of their own

_NO_MAC = frozenset({"", "00:00:00:00:00:00"})
_VIRTUAL = ("lo", "docker", "veth", "br-")


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface's addresses; empty where nothing is known."""

    ip: str = ""
    mac: str = ""


def interface_towards(url: str) -> Interface:
    """The addresses of this machine as the manager's network sees them.

    The system is asked which way it would send to the manager; nothing is sent. A manager on this
    very machine is reached without any card: then the first card's MAC tells the machine from
    others.
    """
    ip = _own_ip(url)
    return Interface(ip, _mac_of(ip) or _first_mac())


def _own_ip(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with contextlib.suppress(OSError):
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    return ""


def _mac_of(ip: str) -> str:
    for addresses in psutil.net_if_addrs().values():
        # IPv6 addresses have their interface behind a percent sign.
        if ip and any(str(it.address).partition("%")[0] == ip for it in addresses):
            return _mac(addresses)
    return ""


def _first_mac() -> str:
    # uuid.getnode() would invent a random one where it finds none.
    cards = sorted(psutil.net_if_addrs().items())
    macs = (_mac(addresses) for name, addresses in cards if not name.startswith(_VIRTUAL))
    return next((mac for mac in macs if mac), "")


def _mac(addresses: list[psutil._common.snicaddr]) -> str:
    for address in addresses:
        found = str(address.address).replace("-", ":").lower()
        if address.family == psutil.AF_LINK and found not in _NO_MAC:
            return found
    return ""
