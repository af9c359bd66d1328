"""The agent's HTTP client, and where the manager's endpoints are."""

from __future__ import annotations

import ipaddress
import ssl
from urllib.parse import urlsplit

import httpx

from framefarm.agent.errors import AgentError


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
    return "ws" + url.removeprefix("http") + "/api/workers/connect"


def is_loopback(url: str) -> bool:
    """Whether the manager is on this machine; a proxy must not get between then."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_client(url: str, *, connections: int) -> httpx.AsyncClient:
    """Make the client for results and blobs.

    The long read timeout is for the manager checking a large movie; the connection's own death
    shows earlier, on the WebSocket.
    """
    return httpx.AsyncClient(
        base_url=url,
        timeout=httpx.Timeout(60.0, connect=5.0, pool=None),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        trust_env=not is_loopback(url),
        # Loading the certificate store takes 20 ms of the start, for nothing without TLS.
        verify=True if url.startswith("https") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )
