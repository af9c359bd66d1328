"""Whether a request comes from the manager's own machine. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from framefarm.notify.letters import MARK

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_FORWARDING = (
    *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"),
    MARK.lower(),
)


def is_proxied(headers: Headers) -> bool:
    """Whether a request says that it was passed on: by a proxy, or to a web hook."""
    return any(name in headers for name in _FORWARDING)


def is_local(scope: Scope, headers: Headers) -> bool:
    """Whether who asks is on this machine, and means it by a name of this machine's own."""
    loopback = is_loopback(address_of(scope))
    return loopback and not is_proxied(headers) and has_local_name(headers)


def has_local_name(headers: Headers) -> bool:
    """Whether a request is for this machine by a name that only leads here."""
    return host_of(f"//{headers.get('host', '')}") in LOCAL_NAMES


def host_of(url: str) -> str | None:
    """The name in an address; None when it is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        # "[" is no address.
        return None


def address_of(scope: Scope) -> str:
    """Where a request comes from, without the port; empty when nobody knows."""
    client = scope.get("client")
    return client[0] if client else ""


def is_loopback(address: str) -> bool:
    """Whether an address is this machine itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    # An IPv6 socket that takes both kinds shows IPv4 peers as ::ffff:127.0.0.1.
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
