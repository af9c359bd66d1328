"""Noting that something was refused for a quota, for those who want to be told."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection, or_, update

from framefarm.core.notices import FLAPS_S
from framefarm.db import DatabaseError, WriterBusyError, database_now
from framefarm.db import tables as t
from framefarm.farm.quotas import QuotaExceededError

if TYPE_CHECKING:
    from framefarm.farm.service import Farm


@contextlib.asynccontextmanager
async def told_when_refused(farm: Farm) -> AsyncIterator[None]:
    """Let a person be told of what is refused in here for a quota of theirs; it stays refused.

    Raises:
        QuotaExceededError: What was raised in here.
    """
    try:
        yield
    except QuotaExceededError as error:
        # It is an answer to give, whether or not it can be noted.
        with contextlib.suppress(DatabaseError, WriterBusyError):
            work = partial(note_refusal, owner=error.owner, words=str(error))
            if await farm.writer.write(work):
                farm.notifying.wake()
        raise


def note_refusal(connection: Connection, owner: str, words: str) -> bool:
    """Note when something was refused; a program that tries again and again writes it once.

    Returns:
        Whether it was noted: not where something was refused a moment ago, nor for no account.
    """
    now = database_now(connection)
    lately = t.users.c.refused_at
    noted = connection.execute(
        update(t.users)
        .where(t.users.c.name == owner, or_(lately.is_(None), lately <= now - FLAPS_S))
        .values(refused_at=now, refusal=words)
    )
    return noted.rowcount > 0
