"""The farm's own mail server."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from framefarm.notify.addresses import BadAddressError, parse_email

_PORTS = {"smtps": 465, "smtp": 587, "smtp+plain": 25}


@dataclass(frozen=True)
class MailServer:
    """What mail is sent by.

    Attributes:
        encryption: `smtps`: from the first byte on. `smtp`: by STARTTLS, or not at all.
            `smtp+plain`: none, for a server on the same machine.
        sender: Whom mail is from.
    """

    host: str
    port: int
    encryption: str
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)


def parse_mail_server(url: str, sender: str) -> MailServer:
    """Read `smtps://user:password@host:port`.

    Raises:
        ValueError: It is none. The message does not repeat it, since it holds a password.
    """
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        raise ValueError("must be a mail server such as smtps://user:password@host:465") from None
    if split.scheme not in _PORTS or not split.hostname or split.path.strip("/"):
        raise ValueError(
            "must be a mail server such as smtps://user:password@host:465; smtp:// encrypts by "
            "STARTTLS, smtp+plain:// does not"
        )
    try:
        parse_email(sender or f"framefarm@{split.hostname}")
    except BadAddressError:
        raise ValueError(
            f"needs an e-mail address as mail_from, and {sender[:80]!r} is none"
        ) from None
    return MailServer(
        host=split.hostname,
        port=port or _PORTS[split.scheme],
        encryption=split.scheme,
        sender=sender or f"framefarm@{split.hostname}",
        user=unquote(split.username or ""),
        password=unquote(split.password or ""),
    )
