"""The addresses of managers, as people type them."""

from __future__ import annotations

import ipaddress
import re

from framefarm.cli.failures import UsageFailure

_LOCAL = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104  listened on by who asks for it
_HIGHEST_PORT = 65_535
_USUAL_PORT = 7070
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def parse_listen(text: str) -> tuple[str, int]:
    """Read `HOST:PORT`, `[::1]:PORT`, `:PORT` or `PORT`.

    Returns:
        Host and port.

    Raises:
        UsageFailure: It is no address.
    """
    host, _, port_text = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or _LOCAL
    is_port = port_text.isascii() and port_text.isdigit() and int(port_text) <= _HIGHEST_PORT
    if not is_port or not _is_host(host):
        raise UsageFailure(
            f"{text!r} is no address to listen on; write it like 127.0.0.1:7070, "
            "or 0.0.0.0:7070 for other machines as well"
        )
    return (_LOCAL if host == "localhost" else host), int(port_text)


def open_host(host: str) -> str:
    """Where to listen so that other machines get an answer: at the address named, else at all.

    Args:
        host: Of what was read by `parse_listen`, which makes of a mere port this machine's own.
    """
    try:
        own = ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = False
    return EVERYWHERE if own else host


def full_url(text: str, *, encrypted: bool) -> str:
    """A manager's address from what people type of it, such as `render-box` or `[::1]:7171`.

    Args:
        text: As typed; with a scheme it is left as it is.
        encrypted: Whether it is known to speak TLS; asked of an address without a scheme only.

    Returns:
        With scheme and port. What is no address comes back as it is, and is refused where it is
        used.
    """
    if "://" in text:
        return text
    host, colon, port = text.strip().rstrip("/").rpartition(":")
    if not colon or port.endswith("]"):
        host, port = f"{host}{colon}{port}", str(_USUAL_PORT)
    if not (port.isascii() and port.isdigit()) or not _is_host(_bare(host)):
        return text
    return f"{'https' if encrypted else 'http'}://{host}:{port}"


def _bare(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # Digits and dots that are no address would be looked up as a name, for seconds.
        return _NAME.fullmatch(host) is not None and not host.replace(".", "").isdigit()
    return True
