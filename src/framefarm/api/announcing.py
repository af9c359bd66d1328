"""Telling the local network where a manager is, by multicast DNS."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator

import structlog
from zeroconf import Error, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from framefarm import __version__
from framefarm.api.reach import Reach, addresses
from framefarm.protocol.discovery import FARM_PROPERTY, SERVICE_TYPE, TLS_PROPERTY

_log = structlog.get_logger(__name__)

_LABEL_BYTES = 63


@contextlib.asynccontextmanager
async def announced(reach: Reach, farm_id: str) -> AsyncIterator[None]:
    """Announce a manager while the context is open.

    A network that allows no multicast is no reason not to serve: the log says that it failed.

    Args:
        reach: Where the manager answers.
        farm_id: Which farm it is of.
    """
    try:
        announcer = AsyncZeroconf()
        await announcer.async_register_service(service_info(reach, farm_id), allow_name_change=True)
    except (OSError, Error) as error:
        _log.warning("not_announced", reason=str(error) or type(error).__name__)
        yield
        return
    try:
        yield
    finally:
        # Says goodbye to the network, so that nobody finds a manager that is gone.
        await announcer.async_close()


def service_info(reach: Reach, farm_id: str) -> ServiceInfo:
    """The announcement of a manager."""
    host = socket.gethostname() or "framefarm"
    # No two farms of one machine have the same name.
    name = f"FrameFarm on {host} {farm_id[:6]}".encode()[:_LABEL_BYTES].decode(errors="ignore")
    return ServiceInfo(
        SERVICE_TYPE,
        f"{name.replace('.', '-')}.{SERVICE_TYPE}",
        port=reach.port,
        parsed_addresses=_addresses(reach),
        properties={
            FARM_PROPERTY: farm_id,
            TLS_PROPERTY: "1" if reach.tls else "0",
            "version": __version__,
        },
        server=f"framefarm-{farm_id[:12]}.local.",
    )


def _addresses(reach: Reach) -> list[str]:
    # Also where its certificate has a name: whoever finds the manager is told its addresses.
    with contextlib.suppress(ValueError):
        return [str(ipaddress.ip_address(host)) for host in reach.hosts()]
    # It was told to listen on a name.
    return addresses()
