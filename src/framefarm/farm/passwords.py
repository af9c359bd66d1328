"""Hashing passwords: argon2id, as RFC 9106 recommends it where memory is shared with others."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError

from framefarm.core.passwords import normalised

_HASHER = PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)


def hash_password(password: str) -> str:
    """What is kept of a password. Takes 64 MiB and some hundredths of a second of each core."""
    return _HASHER.hash(normalised(password))


def is_password(kept: str | None, password: str) -> bool:
    """Whether a password is the one that this was kept of; takes as long when nothing is kept."""
    try:
        right = _HASHER.verify(kept or _nobodys(), normalised(password))
    except (VerificationError, InvalidHashError):
        return False
    return right and kept is not None


def is_out_of_date(kept: str) -> bool:
    """Whether it was hashed with other parameters than are used today."""
    return _HASHER.check_needs_rehash(kept)


@cache
def _nobodys() -> str:
    return _HASHER.hash("nobody's password")
