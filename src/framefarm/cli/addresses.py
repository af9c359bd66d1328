"""The address that a manager listens on."""

from __future__ import annotations

from framefarm.cli.failures import UsageFailure

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_HIGHEST_PORT = 65_535


def parse_listen(text: str) -> tuple[str, int]:
    """Read `HOST:PORT`, `[::1]:PORT`, `:PORT` or `PORT`.

    Returns:
        Host and port; the host is a loopback address.

    Raises:
        UsageFailure: It is no address, or one that other machines reach.
    """
    host, _, port_text = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or _LOOPBACK[0]
    if not (port_text.isascii() and port_text.isdigit()) or int(port_text) > _HIGHEST_PORT:
        raise UsageFailure(f"{text!r} is no address to listen on; write it like 127.0.0.1:7070")
    if host not in _LOOPBACK and not host.startswith("127."):
        raise UsageFailure(
            f"the manager would answer every machine that reaches {host}, and cannot tell friend "
            "from stranger yet: joining over the network comes with tokens, in a later version. "
            "Listen on 127.0.0.1 until then"
        )
    return ("127.0.0.1" if host == "localhost" else host), int(port_text)
