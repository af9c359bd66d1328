"""Recognising a person by the token in a request, or by the cookie of a login."""

from __future__ import annotations

import contextlib
import time
from functools import partial

from framefarm.api.guesses import Guesses
from framefarm.api.logins import LoginRing
from framefarm.core.accounts import hash_token, is_token
from framefarm.core.errors import FrameFarmError
from framefarm.db import DatabaseError
from framefarm.farm.accounts import Identity, identify, note_use
from framefarm.farm.service import Farm

_REMEMBERED = 10_000
_NOTE_EVERY_S = 60.0
_MOST_WRONG = 30
"""A minute, from one address: many people may share one, and one of them may have an old token."""


class UnknownTokenError(FrameFarmError):
    """A token is none, counts no more, or its owner's account is disabled."""

    code = "token"


class TooManyTokensError(FrameFarmError):
    """Too many wrong tokens came from one address."""

    code = "too_many_guesses"
    retryable = True


class TokenRing:
    """People by the hash of their token, read once from the database.

    Args:
        farm: Theirs.

    Attributes:
        logins: Knows them by their cookies.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._known: dict[str, Identity] = {}
        self._noted: dict[int, float] = {}
        self._changes = 0
        self._changed: dict[str, int] = {}
        self._guesses = Guesses(_MOST_WRONG)
        self.logins = LoginRing(farm, self)

    async def identity_of(self, token: str, address: str) -> Identity:
        """Whose token this is.

        Raises:
            UnknownTokenError: Nobody's, or it counts no more.
            TooManyTokensError: Too many of nobody's came from this address.
        """
        hashed = hash_token(token)
        found = self._known.get(hashed)
        if found is None:
            found = await self._look_up(token, hashed, address)
        elif found.expires_at is not None and found.expires_at <= time.time():
            raise UnknownTokenError("This token has expired; make another one.")
        await self._note(found)
        return found

    @property
    def changes(self) -> int:
        """How many changes of accounts and tokens there have been."""
        return self._changes

    def forget(self, name: str) -> None:
        """Look a person's tokens and logins up anew: the account or one of them has changed."""
        self._changes += 1
        self._changed[name] = self._changes
        self._known = {key: it for key, it in self._known.items() if it.name != name}

    def unchanged_since(self, name: str, changes: int) -> bool:
        """Whether a person who was recognised then is still known to be the same."""
        return self._changed.get(name, 0) <= changes

    async def _look_up(self, token: str, hashed: str, address: str) -> Identity:
        now = time.monotonic()
        if self._guesses.wait_s(address, now) > 0:
            raise TooManyTokensError("Too many wrong tokens came from here; wait a minute.")
        before = self._changes
        found = (
            await self._farm.read(partial(identify, token_hash=hashed)) if is_token(token) else None
        )
        if found is None:
            self._guesses.note(address, now)
            raise UnknownTokenError("This token is unknown, has expired, or was taken back.")
        if before == self._changes:
            # What was read before a change is good for this request only.
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[hashed] = found
        return found

    async def _note(self, found: Identity) -> None:
        now = time.monotonic()
        assert found.token_id is not None
        if now - self._noted.get(found.token_id, -_NOTE_EVERY_S) >= _NOTE_EVERY_S:
            self._noted[found.token_id] = now
            with contextlib.suppress(DatabaseError):
                await self._farm.writer.write(partial(note_use, token_id=found.token_id))
