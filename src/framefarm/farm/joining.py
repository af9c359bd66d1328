"""Join tokens: what lets a worker in that the manager does not know yet.

A token is for so many workers, ends after a while, and puts its workers into one pool. Only its
hash is stored. Using it is one guarded UPDATE, so that two workers never share the last use.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.requirements import Pool
from framefarm.core.states import WorkerState
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.protocol.join_token import (
    SECRET_BYTES,
    JoinTokenTextError,
    read_secret,
    secret_text,
)

_REMEMBERED_S = 7 * 24 * 3600.0
"""A token that has ended is kept so long, so that who uses it is told what is wrong with it."""

_TAKEN_OUT = (WorkerState.DISABLED, WorkerState.DRAINING, WorkerState.QUARANTINED)
_NEW_ONE = "`framefarm workers invite` on the manager's machine makes a new one."


class JoinTokenError(FrameFarmError):
    """A worker may not join with what it showed.

    Attributes:
        guessed: Whether there never was such a token.
    """

    code = "join_token"

    def __init__(self, message: str, *, guessed: bool = False) -> None:
        super().__init__(message)
        self.guessed = guessed


class TooManyGuessesError(FrameFarmError):
    """Too many wrong tokens came from one address.

    Attributes:
        retry_in_s: When the next try is looked at.
    """

    code = "busy"
    retryable = True

    def __init__(self, retry_in_s: float) -> None:
        super().__init__(
            "Too many wrong join tokens came from this address; "
            f"the next is looked at in {retry_in_s:.0f} s."
        )
        self.retry_in_s = retry_in_s


@dataclass(frozen=True)
class Invitation:
    """A token that was made just now; its secret is nowhere else.

    Attributes:
        secret: For people; see `framefarm.protocol.join_token`.
        expires_at: Seconds since 1970 UTC.
    """

    secret: str
    pool: Pool
    uses: int
    expires_at: float


@dataclass(frozen=True)
class Door:
    """Where a worker knocks.

    Attributes:
        local: It is on the manager's own machine, whose users are trusted anyway.
        wait_s: No token is looked at for so long, since too many were wrong; 0 for now.
    """

    local: bool = True
    wait_s: float = 0.0


LOCAL = Door()


@dataclass(frozen=True)
class Entry:
    """What lets a worker in.

    Attributes:
        pool: Where it belongs.
        token_id: The token it used, if it used one.
        worker_id, name: The worker that this very process was taken in as before.
    """

    pool: Pool
    token_id: int | None = None
    worker_id: str | None = None
    name: str = ""


def invite(connection: Connection, *, pool: Pool, uses: int, lifetime_s: float) -> Invitation:
    """Make a token for `uses` workers of one pool."""
    now = database_now(connection)
    connection.execute(
        delete(t.join_tokens).where(t.join_tokens.c.expires_at < now - _REMEMBERED_S)
    )
    secret = secret_text(secrets.token_bytes(SECRET_BYTES))
    connection.execute(
        insert(t.join_tokens).values(
            token_hash=_hash(secret),
            pool=pool,
            uses_left=uses,
            created_at=now,
            expires_at=now + lifetime_s,
        )
    )
    return Invitation(secret, pool, uses, now + lifetime_s)


def let_in(connection: Connection, token: str | None, boot_id: str, door: Door) -> Entry:
    """Decide whether a worker may join that the manager does not know, and use up its token.

    A token that this very process has used already lets it in again: the answer may have been lost
    on the way, and with it the worker's key.

    Raises:
        JoinTokenError: It may not.
        TooManyGuessesError: Not now.
    """
    if token is None:
        if door.local:
            return Entry(Pool.OWN)
        raise JoinTokenError(
            "This manager does not know this worker, and takes in workers from other machines only "
            "with a join token: framefarm worker URL --join TOKEN. "
            "`framefarm workers invite` on the manager's machine makes one."
        )
    if door.wait_s > 0:
        raise TooManyGuessesError(door.wait_s)
    return _use(connection, _read(token), boot_id)


def _read(token: str) -> str:
    try:
        return _hash(read_secret(token.partition(".")[0]))
    except JoinTokenTextError as error:
        raise JoinTokenError(str(error), guessed=True) from error


def _use(connection: Connection, token_hash: str, boot_id: str) -> Entry:
    row = connection.execute(
        select(t.join_tokens).where(t.join_tokens.c.token_hash == token_hash)
    ).one_or_none()
    if row is None:
        raise JoinTokenError(
            f"This manager has made no such join token, or long ago. {_NEW_ONE}", guessed=True
        )
    earlier = _earlier(connection, row.id, boot_id)
    if earlier is not None:
        return Entry(Pool(row.pool), row.id, *earlier)
    _spend(connection, row)
    return Entry(Pool(row.pool), row.id)


def _spend(connection: Connection, row: Row[Any]) -> None:
    now = database_now(connection)
    spent = connection.execute(
        update(t.join_tokens)
        .where(
            t.join_tokens.c.id == row.id,
            t.join_tokens.c.uses_left > 0,
            t.join_tokens.c.expires_at > now,
        )
        .values(uses_left=t.join_tokens.c.uses_left - 1)
    )
    if spent.rowcount == 0:
        ended = "has expired" if row.expires_at <= now else "is used up"
        raise JoinTokenError(f"This join token {ended}. {_NEW_ONE}")


def _earlier(connection: Connection, token_id: int, boot_id: str) -> tuple[str, str] | None:
    """Id and name of the worker that a process has become by a token.

    None for one that somebody has taken out since: it has heard its welcome, and would be let in
    as one that may work.
    """
    row = connection.execute(
        select(t.workers.c.id, t.workers.c.name).where(
            t.workers.c.join_token_id == token_id,
            t.workers.c.boot_id == boot_id,
            t.workers.c.revoked_at.is_(None),
            t.workers.c.state.not_in(_TAKEN_OUT),
        )
    ).one_or_none()
    return None if row is None else (row.id, row.name)


def _hash(secret: str) -> str:
    """What is stored of a secret. A fast hash will do: it has 80 random bits, and lives an hour."""
    return hashlib.sha256(secret.encode()).hexdigest()
