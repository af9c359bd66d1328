"""Under which addresses other machines reach this one."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped,unused-ignore]  # stubs are a package of their own

_VIRTUAL = ("docker", "veth", "br-", "virbr", "vmnet", "vboxnet", "podman", "cni", "flannel")
_ANY_IPV4 = "0.0.0.0"  # noqa: S104  compared, not listened on
_ANY = frozenset({_ANY_IPV4, "::"})
_FAR_AWAY = ("192.0.2.1", 9)
"""An address of RFC 5737 that is nobody's. Nothing is sent there; the system is only asked which
interface would be used."""

IPv4 = ipaddress.IPv4Address
IPv6 = ipaddress.IPv6Address


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Reach:
    """Where a manager answers.

    Attributes:
        host: What it listens on.
        port: The same.
        fingerprint: SHA-256 of the certificate that workers are to pin; None when it has none, or
            one that every machine trusts anyway.
        tls: Whether it speaks TLS.
        name: Of its certificate, where others verify it; empty when any address will do.
    """

    host: str
    port: int
    fingerprint: str | None = None
    tls: bool = False
    name: str = ""

    @property
    def local_url(self) -> str:
        """For programs on this machine."""
        local = self.host if is_loopback(self.host) else "127.0.0.1"
        return self._url(local)

    @property
    def open_to_others(self) -> bool:
        """Whether other machines reach it at all."""
        return not is_loopback(self.host)

    def urls(self) -> list[str]:
        """For other machines, the likeliest first; none when it answers its own machine only."""
        if not self.open_to_others:
            return []
        if self.name:
            return [self._url(self.name)]
        return [self._url(host) for host in self.hosts()]

    def url_for_people(self, public_url: str) -> str:
        """Where people's browsers reach it, without a slash at the end.

        Args:
            public_url: Where they do through a proxy; empty without one.
        """
        return public_url.rstrip("/") or [*self.urls(), self.local_url][0]

    def hosts(self) -> list[str]:
        """This machine's addresses at which it listens, the likeliest first."""
        if self.host == _ANY_IPV4:
            return [host for host in addresses() if ":" not in host]
        return addresses() if self.host in _ANY else [self.host]

    def _url(self, host: str) -> str:
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self.tls else 'http'}://{shown}:{self.port}"


def addresses() -> list[str]:
    """This machine's addresses that others may reach, the likeliest first."""
    found = dict.fromkeys([*_of_default_route(), *sorted(_of_interfaces(), key=_rank)])
    return [str(address) for address in found]


def _of_default_route() -> Iterator[IPv4]:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(_FAR_AWAY)
            found = ipaddress.IPv4Address(probe.getsockname()[0])
    except OSError:
        return
    if not found.is_loopback:
        yield found


def _of_interfaces() -> Iterator[IPv4 | IPv6]:
    up = {name for name, facts in psutil.net_if_stats().items() if facts.isup}
    for name, found in sorted(psutil.net_if_addrs().items()):
        if name not in up or name.startswith(_VIRTUAL):
            continue
        for one in found:
            if one.family not in {socket.AF_INET, socket.AF_INET6}:
                continue
            address = ipaddress.ip_address(one.address.partition("%")[0])
            # A link-local IPv6 address means nothing without the other side's interface.
            if not address.is_loopback and not (address.version == 6 and address.is_link_local):  # noqa: PLR2004
                yield address


def _rank(address: IPv4 | IPv6) -> tuple[bool, bool, bool]:
    return (address.version == 6, address.is_link_local, not address.is_private)  # noqa: PLR2004
