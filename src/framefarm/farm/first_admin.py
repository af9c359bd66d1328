"""The first admin of a farm: made by whoever reads the manager's console.

A farm that other machines reach and that has no admin prints a code when it starts. Who shows it
gets an admin's account. There is one code at a time, it ends with its use, after a day, or with the
first admin who comes to be in another way.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from framefarm.core.accounts import UserRole, hash_token
from framefarm.core.errors import FrameFarmError
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.accounts import UserView, add_user
from framefarm.protocol.join_token import (
    SECRET_BYTES,
    JoinTokenTextError,
    read_secret,
    secret_text,
)

CODE_LIFETIME_S = 86_400.0

_WRONG = (
    "That is not the code for the first admin, or it was used or has ended. The manager prints a "
    "new one when it starts, as long as it has no admin."
)


class FirstCodeError(FrameFarmError):
    """What was shown does not make anybody an admin."""

    code = "first_code"


@dataclass(frozen=True)
class FirstCode:
    """A code as it is printed; kept nowhere.

    Attributes:
        expires_at: Seconds since 1970 UTC.
    """

    text: str
    expires_at: float

    def __repr__(self) -> str:
        """Without the code, so that no log line shows it by accident."""
        return f"FirstCode(expires_at={self.expires_at!r})"


def has_admin(connection: Connection) -> bool:
    """Whether anybody can log in as an admin, or ask as one with a token."""
    found = connection.execute(
        select(t.users.c.id).where(t.users.c.role == UserRole.ADMIN, ~t.users.c.disabled).limit(1)
    )
    return found.scalar() is not None


def has_first_code(connection: Connection) -> bool:
    """Whether a code was printed that counts."""
    now = database_now(connection)
    found = connection.execute(
        select(t.first_codes.c.code_hash).where(t.first_codes.c.expires_at > now)
    )
    return found.first() is not None


def make_first_code(connection: Connection) -> FirstCode | None:
    """Make the code, which ends the one before; None when there is an admin."""
    connection.execute(delete(t.first_codes))
    if has_admin(connection):
        return None
    text = secret_text(secrets.token_bytes(SECRET_BYTES))
    expires_at = database_now(connection) + CODE_LIFETIME_S
    connection.execute(
        insert(t.first_codes).values(code_hash=hash_token(text), expires_at=expires_at)
    )
    return FirstCode(text, expires_at)


def make_first_admin(
    connection: Connection, code: str, name: str, email: str, password_hash: str
) -> UserView:
    """Use the code up, and make the first admin's account.

    Raises:
        FirstCodeError: It is not the code, or it has ended, or there is an admin.
        UserExistsError: Somebody has that name; the code stays good.
    """
    # Who has no code learns nothing of the farm.
    _use(connection, code)
    if has_admin(connection):
        raise FirstCodeError(
            "This farm has an admin by now, who lets others in with: framefarm users add NAME"
        )
    return add_user(
        connection, name=name, role=UserRole.ADMIN, email=email, password_hash=password_hash
    )


def check_first_code(connection: Connection, code: str) -> None:
    """Make sure that this is the code, before hashing a password for it.

    Raises:
        FirstCodeError: It is not.
    """
    found = connection.execute(select(t.first_codes).where(*_is(connection, code)))
    if found.one_or_none() is None:
        raise FirstCodeError(_WRONG)


def _use(connection: Connection, code: str) -> None:
    used = connection.execute(delete(t.first_codes).where(*_is(connection, code)))
    if used.rowcount == 0:
        raise FirstCodeError(_WRONG)


def _is(connection: Connection, code: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    try:
        # With TLS the manager prints the certificate's fingerprint behind it.
        hashed = hash_token(read_secret(code.partition(".")[0]))
    except JoinTokenTextError:
        hashed = ""
    now = database_now(connection)
    return (t.first_codes.c.code_hash == hashed, t.first_codes.c.expires_at > now)
