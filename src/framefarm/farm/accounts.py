"""People and their tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from framefarm.core.accounts import Scope, UserRole, new_token
from framefarm.core.errors import FrameFarmError
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.pages import Order, page_of
from framefarm.farm.usage import results_of
from framefarm.farm.views import iso

UserSort = Literal["name", "-name", "role", "-role", "created", "-created"]


class UserExistsError(FrameFarmError):
    """Somebody has that name."""

    code = "user_exists"


class NoSuchUserError(FrameFarmError):
    """Nobody has that name."""

    code = "no_such_user"


class NoSuchTokenError(FrameFarmError):
    """A person has no such token."""

    code = "no_such_token"


@dataclass(frozen=True)
class TokenView:
    """A token, without its secret part.

    Attributes:
        prefix: How it begins, after `ff_`.
        by_login: Made by `framefarm login`; ends when the password is changed.
    """

    id: int
    name: str
    prefix: str
    scope: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    by_login: bool = False


@dataclass(frozen=True)
class QuotaView:
    """What a person's jobs may take at a time; None is no limit.

    Attributes:
        jobs: That have not ended.
        frames: Of those jobs, that are not settled.
        slots: That work on them.
        bytes: That the person's uploads and the results of the person's jobs take.
    """

    jobs: int | None = None
    frames: int | None = None
    slots: int | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class UserView:
    """A person.

    Attributes:
        has_password: Whether the person may log in with one.
        upload_bytes: What the person's uploads take.
        result_bytes: What the results of the person's jobs take.
    """

    name: str
    role: str
    email: str
    disabled: bool
    created_at: str
    has_password: bool = False
    quota: QuotaView = field(default_factory=QuotaView)
    upload_bytes: int = 0
    result_bytes: int = 0
    tokens: list[TokenView] = field(default_factory=list)


@dataclass(frozen=True)
class UserList:
    """A page of people. `next` is the cursor of the following page."""

    users: list[UserView]
    next: str | int | None = None


@dataclass(frozen=True)
class Identity:
    """Who asks, as shown by a token or by the cookie of a login.

    Attributes:
        token_id: Of the token; None for a login.
        expires_at: Seconds since 1970 UTC; None for never.
        login_id: Of the login; None for a token.
    """

    user_id: int
    name: str
    role: UserRole
    token_id: int | None
    scope: Scope
    expires_at: float | None
    login_id: int | None = None


def add_user(
    connection: Connection, name: str, role: UserRole, email: str, password_hash: str | None = None
) -> UserView:
    """Add a person.

    Raises:
        UserExistsError: Somebody has that name, in whatever case.
    """
    known = connection.execute(
        select(t.users.c.name).where(func.lower(t.users.c.name) == name.lower())
    ).scalar()
    if known is not None:
        raise UserExistsError(f"There is a user {known!r} already.")
    now = database_now(connection)
    values = {"name": name, "role": role, "email": email, "created_at": now}
    # Jobs keep the name of their owner, also of one who was removed.
    values["result_bytes"] = results_of(connection, name)
    connection.execute(insert(t.users).values(**values, password_hash=password_hash))
    return user(connection, name)


def users(
    connection: Connection,
    *,
    role: UserRole | None = None,
    disabled: bool | None = None,
    sort: UserSort = "name",
    cursor: str = "",
    limit: int,
) -> UserList:
    """A page of people; where given only of a role, or disabled, or not.

    Args:
        sort: By what, `-` for the largest first; equal ones come with the newest first.
        cursor: `next` of the page before, empty for the first one.

    Raises:
        CursorError: The cursor is none.
    """
    query = select(t.users)
    if role is not None:
        query = query.where(t.users.c.role == role)
    if disabled is not None:
        query = query.where(t.users.c.disabled == disabled)
    by, u = sort.removeprefix("-"), t.users.c
    # Their numbers rise with the time at which they were made.
    column = u.id if by == "created" else u[by]
    order = Order(column, u.id, by, down=sort.startswith("-"))
    rows, following = page_of(connection, query, order, cursor=cursor, limit=limit)
    return UserList([_user_view(connection, row) for row in rows], following)


def user(connection: Connection, name: str) -> UserView:
    """A person.

    Raises:
        NoSuchUserError: Nobody has that name.
    """
    return _user_view(connection, find_user(connection, name))


def change_user(connection: Connection, name: str, **values: Any) -> UserView:
    """Change a person's role, address, quotas, or whether the account is disabled.

    Raises:
        NoSuchUserError: Nobody has that name.
    """
    row = find_user(connection, name)
    if values:
        connection.execute(update(t.users).where(t.users.c.id == row.id).values(**values))
    return user(connection, name)


def remove_user(connection: Connection, name: str) -> None:
    """Remove a person, with all tokens. Jobs stay, and keep the name of their owner.

    Raises:
        NoSuchUserError: Nobody has that name.
    """
    row = find_user(connection, name)
    connection.execute(delete(t.users).where(t.users.c.id == row.id))


def make_token(
    connection: Connection,
    user_name: str,
    name: str,
    scope: Scope,
    lifetime_s: float | None,
    *,
    by_login: bool = False,
) -> tuple[TokenView, str]:
    """Make a token for a person.

    Args:
        name: What it is for.
        lifetime_s: How long it counts; None for ever.
        by_login: Whether it ends when the person's password is changed.

    Returns:
        The token, and its text, which is kept nowhere.

    Raises:
        NoSuchUserError: Nobody has that name.
    """
    owner, made, now = find_user(connection, user_name), new_token(), database_now(connection)
    row = connection.execute(
        insert(t.tokens)
        .values(
            user_id=owner.id,
            name=name,
            prefix=made.prefix,
            token_hash=made.hashed,
            scope=scope,
            by_login=by_login,
            created_at=now,
            expires_at=None if lifetime_s is None else now + lifetime_s,
        )
        .returning(t.tokens)
    ).one()
    return _token_view(row), made.text


def remove_token(connection: Connection, user_name: str, token_id: int) -> None:
    """Take a token away.

    Raises:
        NoSuchUserError: Nobody has that name.
        NoSuchTokenError: The person has no such token.
    """
    owner = find_user(connection, user_name)
    gone = connection.execute(
        delete(t.tokens).where(t.tokens.c.id == token_id, t.tokens.c.user_id == owner.id)
    )
    if not gone.rowcount:
        raise NoSuchTokenError(f"{user_name} has no token {token_id}.")


def identify(connection: Connection, token_hash: str) -> Identity | None:
    """Whose token this is; None when it is nobody's, has expired, or its owner is disabled."""
    row = connection.execute(
        select(t.tokens, t.users.c.name.label("user_name"), t.users.c.role)
        .join(t.users, t.users.c.id == t.tokens.c.user_id)
        .where(t.tokens.c.token_hash == token_hash, ~t.users.c.disabled)
    ).one_or_none()
    if row is None or (row.expires_at is not None and row.expires_at <= database_now(connection)):
        return None
    role, scope = UserRole(row.role), Scope(row.scope)
    return Identity(row.user_id, row.user_name, role, row.id, scope, row.expires_at)


def note_use(connection: Connection, token_id: int) -> None:
    """Note that a token was used now."""
    now = database_now(connection)
    connection.execute(update(t.tokens).where(t.tokens.c.id == token_id).values(last_used_at=now))


def find_user(connection: Connection, name: str) -> Row[Any]:
    """A person's row.

    Raises:
        NoSuchUserError: Nobody has that name.
    """
    row = connection.execute(select(t.users).where(t.users.c.name == name)).one_or_none()
    if row is None:
        raise NoSuchUserError(
            f"There is no user {name!r}; `framefarm users` lists those there are."
        )
    return row


def _user_view(connection: Connection, row: Row[Any]) -> UserView:
    tokens = connection.execute(
        select(t.tokens).where(t.tokens.c.user_id == row.id).order_by(t.tokens.c.id)
    ).all()
    return UserView(
        name=row.name,
        role=row.role,
        email=row.email,
        disabled=row.disabled,
        created_at=iso(row.created_at) or "",
        has_password=row.password_hash is not None,
        quota=QuotaView(row.max_jobs, row.max_frames, row.max_slots, row.max_bytes),
        upload_bytes=row.upload_bytes,
        result_bytes=row.result_bytes,
        tokens=[_token_view(token) for token in tokens],
    )


def _token_view(row: Row[Any]) -> TokenView:
    return TokenView(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scope=row.scope,
        created_at=iso(row.created_at) or "",
        expires_at=iso(row.expires_at),
        last_used_at=iso(row.last_used_at),
        by_login=row.by_login,
    )
