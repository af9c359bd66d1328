"""The agent's HTTP client, and where the manager's endpoints are."""

from __future__ import annotations

import ipaddress
import ssl
from urllib.parse import urlsplit

import httpx

from framefarm.agent.errors import AgentError
from framefarm.protocol.discovery import CONNECT_PATH


class BadUrlError(AgentError):
    """The manager's address cannot be used."""

    code = "bad_url"


def check_url(url: str) -> str:
    """The manager's address without a slash at its end.

    Raises:
        BadUrlError: It is no address of a manager.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadUrlError(
            f"{url!r} is no address of a manager; write it like http://render-box:7070"
        )
    return url.rstrip("/")


def connect_url(url: str) -> str:
    """Where the worker's WebSocket connects to."""
    return "ws" + url.removeprefix("http") + CONNECT_PATH


def is_loopback(url: str) -> bool:
    """Whether the manager is on this machine; a proxy must not get between then."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_encrypted(url: str) -> bool:
    """Whether the manager speaks TLS."""
    return url.startswith("https:")


def same_place(one: str, other: str) -> bool:
    """Whether two addresses lead to the same port of the same host."""
    return _place(one) == _place(other)


def _place(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.hostname, port or (443 if parts.scheme == "https" else 80)


def open_client(url: str, context: ssl.SSLContext, *, connections: int) -> httpx.AsyncClient:
    """Make the client for results and blobs.

    The long read timeout is for the manager checking a large movie; the connection's own death
    shows earlier, on the WebSocket.

    Args:
        url: The manager's address.
        context: Verifies it, where it speaks TLS.
        connections: At most so many at a time.
    """
    return httpx.AsyncClient(
        base_url=url,
        timeout=httpx.Timeout(60.0, connect=5.0, pool=None),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        trust_env=not is_loopback(url),
        verify=context,
    )
