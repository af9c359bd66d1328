"""Addresses at which people can be told: which are taken, and what of them may be shown. Pure.

An address holds secrets: the token in a Slack address lets anyone post there. So what is shown of
it later is its service, and of a web hook its host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, parse_qsl, urlsplit

from framefarm.core.errors import FrameFarmError
from framefarm.notify.networks import Allowed, is_public, literal_address

LONGEST = 2_000

_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\\]")
_EMAIL = re.compile(r"[^@\s,;<>\x00-\x1f]{1,64}@[^@\s,;<>\x00-\x1f]{1,189}")

SERVICES: Mapping[str, str] = {
    "mailto": "mail by a server of your own, unencrypted",
    "mailtos": "mail by a server of your own",
    "slack": "Slack",
    "discord": "Discord",
    "workflows": "Microsoft Teams",
    "tgram": "Telegram",
    "ntfy": "ntfy, unencrypted",
    "ntfys": "ntfy",
    "gotify": "Gotify, unencrypted",
    "gotifys": "Gotify",
    "matrix": "Matrix, unencrypted",
    "matrixs": "Matrix",
}
"""Of the hundred services that apprise knows those that only send over the network. Others log,
start programs or read files of the manager's machine."""

_WITH_HOST = frozenset(
    {"https", "mailto", "mailtos", "ntfy", "ntfys", "gotify", "gotifys", "matrix", "matrixs"}
)
"""Addresses whose host is one; a token is there in those of other services."""

_AT_SERVICES = re.compile(
    r"hooks\.slack\.com|discord(app)?\.com|.*\.logic\.azure\.com|.*\.powerplatform\.com|ntfy\.sh"
)
"""Hosts whose https addresses apprise takes for a service's."""

_PARAMETERS = frozenset(
    {"to", "from", "name", "cc", "bcc", "reply", "smtp", "mode", "user", "pass"}
    | {"token", "auth", "priority", "thread", "topic", "silent", "msgtype", "path", "version"}
    | {"api-version", "sp", "sv", "sig", "ver", "id", "wrap", "pa", "powerautomate"}
    | {"footer", "image", "avatar", "timestamp", "blocks", "format"}
)
"""What may follow a `?`. Not among them: what names a file (`template`, `pgpprv`, `attach`), turns
the check of certificates off (`verify`) or stretches an attempt (`rto`, `retry`, `wait`)."""


class BadAddressError(FrameFarmError):
    """Nobody can be told there."""

    code = "bad_address"


class Kind(StrEnum):
    """How a target is told.

    `mail`: by the farm's own mail server. `service`: by one that apprise knows. `hook`: by a signed
    POST.
    """

    MAIL = "mail"
    SERVICE = "service"
    HOOK = "hook"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to tell somebody.

    Attributes:
        text: The whole, which is a secret; of mail the address, empty for the account's own.
        shown: As much of it as is none.
    """

    kind: Kind
    text: str
    shown: str


def parse_address(text: str, allowed: Allowed) -> Address:
    """Read the address of a service or a web hook.

    Args:
        allowed: Hosts and networks inside that may be told as well.

    Raises:
        BadAddressError: It is none that is taken. The message repeats no more of it than the
            scheme.
    """
    text = text.strip()
    if not text or len(text) > LONGEST:
        raise BadAddressError(f"An address has 1 to {LONGEST} characters.")
    if _FORBIDDEN.search(text):
        raise BadAddressError("An address has no spaces, backslashes or control characters.")
    try:
        split = urlsplit(text)
        host = split.hostname or ""
    except ValueError:
        raise BadAddressError("This is no address: its host makes no sense.") from None
    if split.scheme in {"http", "https"} and not _AT_SERVICES.fullmatch(host):
        return _hook(split, host, allowed)
    return _service(split, host, allowed)


def parse_email(text: str) -> str:
    """Check an e-mail address.

    Raises:
        BadAddressError: It is none.
    """
    if not _EMAIL.fullmatch(text):
        raise BadAddressError("This is no e-mail address.")
    return text


def check_parameters(names: Iterable[str]) -> None:
    """Make sure that an address has no parameter but those that are taken.

    Raises:
        BadAddressError: It has another one; the message names it.
    """
    unknown = sorted(set(names) - _PARAMETERS)
    if unknown:
        raise BadAddressError(
            f"The parameter {unknown[0][:40]!r} of an address is not taken here, since it could "
            "read files, or send past a check."
        )


def _hook(split: SplitResult, host: str, allowed: Allowed) -> Address:
    if not host:
        raise BadAddressError("This web hook names no host.")
    if split.username is not None or split.password is not None:
        raise BadAddressError("A web hook has no user and password: it is signed instead.")
    if split.scheme != "https" and not allowed.host(host):
        raise BadAddressError(
            "A web hook begins with https://, since what it is sent could be read on the way."
        )
    try:
        port = f":{split.port}" if split.port else ""
    except ValueError:
        raise BadAddressError("The port of this web hook makes no sense.") from None
    _check_host(host, allowed)
    shown = f"{split.scheme}://{host}{port}/..."
    return Address(Kind.HOOK, split._replace(fragment="").geturl(), shown)


def _service(split: SplitResult, host: str, allowed: Allowed) -> Address:
    scheme = split.scheme
    if scheme not in SERVICES and scheme != "https":
        known = ", ".join(f"{name}://" for name in SERVICES)
        raise BadAddressError(
            f"An address begins with https:// (a web hook) or one of {known}; "
            "docs/how-to/be-told.md shows how each is written."
        )
    check_parameters(name for name, _ in parse_qsl(split.query, keep_blank_values=True))
    if scheme in _WITH_HOST:
        _check_host(host, allowed)
    for name, value in parse_qsl(split.query):
        if name == "smtp":
            _check_host(value, allowed)
    shown = f"https://{host}/..." if scheme == "https" else f"{scheme}://..."
    return Address(Kind.SERVICE, split.geturl(), shown)


def _check_host(host: str, allowed: Allowed) -> None:
    """Refuse what is plainly an address inside; the guard looks at what names lead to."""
    literal = literal_address(host)
    if literal is not None and not is_public(literal) and not allowed.address(literal):
        raise BadAddressError(
            "This address is inside the farm's own network. Whoever runs the farm can allow it: "
            "framefarm serve --notify-allow HOST"
        )
    if host.lower().rstrip(".") in {"localhost", ""} and not allowed.host(host):
        raise BadAddressError("This address names the manager's own machine, or none.")
