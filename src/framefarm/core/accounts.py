"""Who people are to a farm, and what their tokens open."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

TOKEN_START = "ff_"  # noqa: S105  what every token begins with is no secret
_PREFIX_BYTES = 5
_SECRET_BYTES = 24
_LOGIN_BYTES = 32
_LOGIN = re.compile(r"[A-Za-z0-9_-]{43}")
_TOKEN = re.compile(r"ff_([0-9a-f]{10})_([A-Za-z0-9_-]{32})")


class UserRole(StrEnum):
    """What a person may do.

    `admin`: everything. `artist`: hand in jobs, and see and steer the own ones. `viewer`: see
    everything but the accounts of others, and change nothing.
    """

    ADMIN = "admin"
    ARTIST = "artist"
    VIEWER = "viewer"


class Scope(StrEnum):
    """What a token opens of what its owner may.

    `full`: all of it. `read`: what changes nothing. `submit`: that, and handing in jobs with their
    files; for programs that do nothing else.
    """

    FULL = "full"
    READ = "read"
    SUBMIT = "submit"


@dataclass(frozen=True)
class LoginLimits:
    """How long a browser stays logged in.

    Attributes:
        idle_s: Without a request.
        longest_s: Whatever it does.
        most: Of one person at the same time; the one unused for longest gives way.
    """

    idle_s: float = 3 * 86_400.0
    longest_s: float = 30 * 86_400.0
    most: int = 50


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token as it is made.

    Attributes:
        text: The whole; shown once.
        prefix: The part that is kept as it is, by which people tell tokens apart.
        hashed: What is kept of the whole.
    """

    text: str
    prefix: str
    hashed: str


def new_token() -> NewToken:
    """A token that nobody guesses: 192 random bits."""
    prefix = secrets.token_hex(_PREFIX_BYTES)
    text = f"{TOKEN_START}{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return NewToken(text, prefix, hash_token(text))


def new_login_secret() -> str:
    """What a browser's cookie holds: 256 random bits."""
    return secrets.token_urlsafe(_LOGIN_BYTES)


def is_login_secret(text: str) -> bool:
    """Whether a text could be one."""
    return _LOGIN.fullmatch(text) is not None


def is_token(text: str) -> bool:
    """Whether a text could be a token."""
    return _TOKEN.fullmatch(text) is not None


def hash_token(text: str) -> str:
    """What is kept of a token, or of a cookie. It is random, so a fast hash will do."""
    return hashlib.sha256(text.encode()).hexdigest()
