"""Passwords of people, and the browsers in which they are logged in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from framefarm.core.accounts import LoginLimits, Scope, UserRole, hash_token, new_login_secret
from framefarm.core.errors import FrameFarmError
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.accounts import Identity, TokenView, find_user, make_token
from framefarm.farm.views import iso


class NoSuchLoginError(FrameFarmError):
    """A person is not logged in there."""

    code = "no_such_login"


_LIMITS = LoginLimits()


@dataclass(frozen=True)
class LoginView:
    """A browser in which a person is logged in.

    Attributes:
        kind: How: `password` or `openid`.
        address: Where it was then.
        agent: What it called itself then.
        current: Whether it is the one that asks.
    """

    id: int
    kind: str
    address: str
    agent: str
    created_at: str
    last_used_at: str
    expires_at: str
    current: bool


@dataclass(frozen=True)
class Credentials:
    """What is needed to check a password.

    Attributes:
        password_hash: None when the person has no password.
        enabled: Whether the account is.
    """

    user_id: int
    name: str
    password_hash: str | None
    enabled: bool


@dataclass(frozen=True)
class KnownLogin:
    """Who is logged in, and how long that may last.

    Attributes:
        last_used_at, expires_at: Seconds since 1970 UTC.
    """

    identity: Identity
    last_used_at: float
    expires_at: float


# --- passwords ----------------------------------------------------------------------------------


def credentials(connection: Connection, name: str) -> Credentials | None:
    """What is known of a person, whatever the case of the name; None for nobody."""
    row = connection.execute(
        select(t.users).where(func.lower(t.users.c.name) == name.lower())
    ).one_or_none()
    if row is None:
        return None
    return Credentials(row.id, row.name, row.password_hash, not row.disabled)


def set_password(
    connection: Connection, name: str, password_hash: str, *, keep: Identity | None = None
) -> None:
    """Give a person a password, and end what the one before has let in.

    Args:
        keep: The login, or the token made by one, that stays.

    Raises:
        NoSuchUserError: Nobody has that name.
    """
    row = find_user(connection, name)
    connection.execute(
        update(t.users).where(t.users.c.id == row.id).values(password_hash=password_hash)
    )
    end_logins(connection, row.id, keep=keep)


def renew_hash(connection: Connection, user_id: int, before: str, password_hash: str) -> None:
    """Keep a password hashed with today's parameters, unless it was changed meanwhile."""
    connection.execute(
        update(t.users)
        .where(t.users.c.id == user_id, t.users.c.password_hash == before)
        .values(password_hash=password_hash)
    )


# --- logins -------------------------------------------------------------------------------------


def open_login(
    connection: Connection,
    user_id: int,
    *,
    kind: str,
    address: str = "",
    agent: str = "",
    password_hash: str | None = None,
    limits: LoginLimits = _LIMITS,
) -> str | None:
    """Log a person in.

    Args:
        password_hash: What the password was checked against; another one may be set since.

    Returns:
        What the cookie holds, which is kept nowhere; None when the person was removed, disabled, or
        given another password meanwhile.
    """
    if not _still_may(connection, user_id, password_hash):
        return None
    now, secret = database_now(connection), new_login_secret()
    connection.execute(
        insert(t.logins).values(
            user_id=user_id,
            secret_hash=hash_token(secret),
            kind=kind,
            address=address[:64],
            agent=agent[:200],
            created_at=now,
            last_used_at=now,
            expires_at=now + limits.longest_s,
        )
    )
    _end_oldest(connection, user_id, limits.most)
    return secret


def open_token(
    connection: Connection, found: Credentials, *, name: str, scope: Scope, lifetime_s: float
) -> tuple[TokenView, str] | None:
    """Make a token for a person whose password was right, as `make_token` does.

    Returns:
        None when the person was removed, disabled, or given another password meanwhile.
    """
    if not _still_may(connection, found.user_id, found.password_hash):
        return None
    return make_token(connection, found.name, name, scope, lifetime_s, by_login=True)


def _still_may(connection: Connection, user_id: int, password_hash: str | None) -> bool:
    wanted = [t.users.c.id == user_id, ~t.users.c.disabled]
    if password_hash is not None:
        wanted.append(t.users.c.password_hash == password_hash)
    return connection.execute(select(t.users.c.id).where(*wanted)).scalar() is not None


def _end_oldest(connection: Connection, user_id: int, most: int) -> None:
    kept = (
        select(t.logins.c.id)
        .where(t.logins.c.user_id == user_id)
        .order_by(t.logins.c.last_used_at.desc(), t.logins.c.id.desc())
        .limit(most)
    )
    connection.execute(
        delete(t.logins).where(t.logins.c.user_id == user_id, t.logins.c.id.not_in(kept))
    )


def identify_login(
    connection: Connection, secret_hash: str, limits: LoginLimits = _LIMITS
) -> KnownLogin | None:
    """Whose cookie this is; None when it is nobody's, has ended, or its owner is disabled."""
    row = connection.execute(
        select(t.logins, t.users.c.name, t.users.c.role)
        .join(t.users, t.users.c.id == t.logins.c.user_id)
        .where(t.logins.c.secret_hash == secret_hash, ~t.users.c.disabled)
    ).one_or_none()
    if row is None:
        return None
    now = database_now(connection)
    if row.expires_at <= now or row.last_used_at + limits.idle_s <= now:
        return None
    identity = Identity(
        row.user_id, row.name, UserRole(row.role), None, Scope.FULL, row.expires_at, row.id
    )
    return KnownLogin(identity, row.last_used_at, row.expires_at)


def note_login_use(connection: Connection, login_id: int) -> None:
    """Note that a login was used now."""
    now = database_now(connection)
    connection.execute(update(t.logins).where(t.logins.c.id == login_id).values(last_used_at=now))


def logins(connection: Connection, name: str, *, current: int | None = None) -> list[LoginView]:
    """Where a person is logged in, the latest first.

    Raises:
        NoSuchUserError: Nobody has that name.
    """
    user = find_user(connection, name)
    rows = connection.execute(
        select(t.logins)
        .where(t.logins.c.user_id == user.id, t.logins.c.expires_at > database_now(connection))
        .order_by(t.logins.c.id.desc())
    ).all()
    return [_view(row, current) for row in rows]


def end_login(connection: Connection, name: str, login_id: int) -> None:
    """Log a person out in one browser.

    Raises:
        NoSuchUserError: Nobody has that name.
        NoSuchLoginError: The person is not logged in there.
    """
    user = find_user(connection, name)
    gone = connection.execute(
        delete(t.logins).where(t.logins.c.id == login_id, t.logins.c.user_id == user.id)
    )
    if not gone.rowcount:
        raise NoSuchLoginError(f"{name} has no login {login_id}.")


def end_logins_of(connection: Connection, name: str, *, keep: Identity | None = None) -> None:
    """Log a person out everywhere.

    Args:
        keep: What stays.

    Raises:
        NoSuchUserError: Nobody has that name.
    """
    end_logins(connection, find_user(connection, name).id, keep=keep)


def end_logins(connection: Connection, user_id: int, *, keep: Identity | None = None) -> None:
    """End all logins of a person, and the tokens that were made by one."""
    login_id = keep.login_id if keep is not None else None
    token_id = keep.token_id if keep is not None else None
    connection.execute(
        delete(t.logins).where(t.logins.c.user_id == user_id, t.logins.c.id != (login_id or 0))
    )
    connection.execute(
        delete(t.tokens).where(
            t.tokens.c.user_id == user_id, t.tokens.c.by_login, t.tokens.c.id != (token_id or 0)
        )
    )


def forget_ended_logins(connection: Connection, limits: LoginLimits = _LIMITS) -> int:
    """Delete logins whose time is over, and codes for a first admin; returns how many."""
    now = database_now(connection)
    ended = (t.logins.c.expires_at <= now) | (t.logins.c.last_used_at <= now - limits.idle_s)
    gone = connection.execute(delete(t.logins).where(ended)).rowcount
    return (
        gone
        + connection.execute(
            delete(t.first_codes).where(t.first_codes.c.expires_at <= now)
        ).rowcount
    )


def _view(row: Row[Any], current: int | None) -> LoginView:
    return LoginView(
        id=row.id,
        kind=row.kind,
        address=row.address,
        agent=row.agent,
        created_at=iso(row.created_at) or "",
        last_used_at=iso(row.last_used_at) or "",
        expires_at=iso(row.expires_at) or "",
        current=row.id == current,
    )
