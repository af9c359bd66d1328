"""The text of a join token: what lets a new worker in, as people copy or type it.

    k7mq-2xw9-p4rt-8n3h                          of a manager without TLS
    k7mq-2xw9-p4rt-8n3h.V3l0...                  and with it

The secret before the dot has 80 random bits in Crockford's base 32: no letter that is easily taken
for a digit, no capitals, and never a dash in front, which a command line would take for an option.
What follows the dot is the SHA-256 of the manager's certificate, in URL-safe base 64. It is no
secret: it tells the worker whom to give the secret to.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from framefarm.core.errors import FrameFarmError

SECRET_BYTES = 10
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_MISREAD = str.maketrans("ilo", "110")
_SECRET = re.compile(f"[{_DIGITS}]{{16}}")
_FINGERPRINT_BYTES = 32


class JoinTokenTextError(FrameFarmError):
    """What was typed is no join token."""

    code = "join_token"


@dataclass(frozen=True, slots=True)
class JoinToken:
    """A join token.

    Attributes:
        secret: Sixteen digits of base 32, in groups of four.
        fingerprint: SHA-256 of the manager's certificate, lower-case hexadecimal; None without TLS.
    """

    secret: str
    fingerprint: str | None = None

    def __repr__(self) -> str:
        """Without the secret, so that no log line shows it by accident."""
        return f"JoinToken(fingerprint={self.fingerprint!r})"

    @property
    def text(self) -> str:
        """As it is shown to people."""
        if self.fingerprint is None:
            return self.secret
        return f"{self.secret}.{pin_text(self.fingerprint)}"


def pin_text(fingerprint: str) -> str:
    """A certificate's fingerprint as it is typed: shorter than in hexadecimal."""
    return base64.urlsafe_b64encode(bytes.fromhex(fingerprint)).decode().rstrip("=")


def secret_text(random: bytes) -> str:
    """A token's secret from `SECRET_BYTES` random bytes."""
    number = int.from_bytes(random[:SECRET_BYTES], "big")
    digits = "".join(_DIGITS[number >> shift & 31] for shift in range(75, -1, -5))
    return "-".join(digits[at : at + 4] for at in range(0, 16, 4))


def read_secret(text: str) -> str:
    """A secret as `secret_text` writes it, from what people make of it.

    Raises:
        JoinTokenTextError: It is none.
    """
    digits = re.sub(r"[-\s]", "", text).lower().translate(_MISREAD)
    if not _SECRET.fullmatch(digits):
        raise JoinTokenTextError(
            "That is no join token; one looks like k7mq-2xw9-p4rt-8n3h, or is longer where the "
            "manager uses TLS. Copy the whole line that the manager printed."
        )
    return "-".join(digits[at : at + 4] for at in range(0, 16, 4))


def read_join_token(text: str) -> JoinToken:
    """Read a token.

    Raises:
        JoinTokenTextError: It is none, or only a part of one.
    """
    secret, dot, pin = text.strip().partition(".")
    return JoinToken(read_secret(secret), read_pin(pin) if dot else None)


def read_pin(pin: str) -> str:
    """A fingerprint in lower-case hexadecimal, from what `pin_text` made of it.

    Raises:
        JoinTokenTextError: It is none.
    """
    try:
        digest = base64.b64decode(pin + "=" * (-len(pin) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != _FINGERPRINT_BYTES:
        raise JoinTokenTextError(
            "The part of the join token after the dot is incomplete or damaged. "
            "Copy the whole line that the manager printed."
        )
    return digest.hex()
