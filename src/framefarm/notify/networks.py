"""Which network addresses are anybody's to be sent to. Pure.

A manager that sends to whatever address a user names would be the user's hand inside the network it
stands in: at routers, printers and the metadata of clouds (server-side request forgery). So it
sends to public addresses only, and to what its admin has allowed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self

IpAddress = IPv4Address | IPv6Address
_NAME = re.compile(
    r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)

_GLOBAL = ip_network("2000::/3")
"""All of IPv6 that is routed between networks; loopback, link-local, unique local, site-local,
multicast and every way to write an IPv4 address as one of IPv6 but the next two lie outside."""

_NOT_GLOBAL = (
    ip_network("2001::/23"),  # Teredo, which holds an IPv4 address, and other protocols' own
    ip_network("2001:db8::/32"),  # documentation
    ip_network("2002::/16"),  # 6to4, which holds an IPv4 address
    ip_network("3fff::/20"),  # documentation
)
_NAT64 = ip_network("64:ff9b::/96")


def is_public(address: IpAddress) -> bool:
    """Whether an address is a host's on the internet."""
    if isinstance(address, IPv4Address):
        # 192.88.99.0/24 leads to whatever IPv6 it is a relay to.
        relay = address in ip_network("192.88.99.0/24")
        return address.is_global and not address.is_multicast and not relay
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL and not any(address in network for network in _NOT_GLOBAL)


def literal_address(host: str) -> IpAddress | None:
    """The address that a host's name is already; None for a name.

    Systems also take `2130706433`, `0x7f000001`, `017700000001` and `127.1` for 127.0.0.1.
    """
    host = host.strip("[]")
    try:
        return ip_address(host)
    except ValueError:
        return _old_style(host)


def _old_style(host: str) -> IPv4Address | None:
    """What inet_aton(3) makes of a text: 1 to 4 numbers, each decimal, octal or hexadecimal."""
    parts = host.rstrip(".").split(".")
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return None
    *heads, last = numbers
    rest = 4 - len(heads)
    if len(numbers) > 4 or any(head > 0xFF for head in heads) or last >= 256**rest:  # noqa: PLR2004
        return None
    value = last
    for position, head in enumerate(heads):
        value += head << (24 - 8 * position)
    return IPv4Address(value)


def _number(part: str) -> int:
    if not part or not part.isascii() or not part[0].isdigit() or "_" in part:
        raise ValueError(part)
    if part.lower().startswith("0x"):
        return int(part, 16)
    return int(part, 8) if len(part) > 1 and part.startswith("0") else int(part)


@dataclass(frozen=True)
class Allowed:
    """What an admin allows besides public addresses.

    Attributes:
        names: Hosts, whatever addresses they have.
        networks: Addresses.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, entries: Sequence[str]) -> Self:
        """Read hosts such as `mail.studio.lan` and networks such as `10.1.0.0/16` or `10.1.2.3`.

        Raises:
            ValueError: One is neither.
        """
        names, networks = set(), []
        for entry in entries:
            text = entry.strip().lower().rstrip(".")
            try:
                networks.append(ip_network(text))
            except ValueError:
                if not _NAME.fullmatch(text) or literal_address(text) is not None:
                    raise ValueError(
                        f"must be hosts such as mail.studio.lan, or networks such as 10.1.0.0/16, "
                        f"and {entry[:80]!r} is neither"
                    ) from None
                names.add(text)
        return cls(frozenset(names), tuple(networks))

    def address(self, address: IpAddress) -> bool:
        """Whether an address is allowed."""
        return any(address in network for network in self.networks)

    def host(self, host: str) -> bool:
        """Whether a host is allowed, by its name or by the address that it is."""
        literal = literal_address(host)
        if literal is not None:
            return self.address(literal)
        return host.lower().rstrip(".") in self.names
