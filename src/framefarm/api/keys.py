"""Recognising a worker by the key in its requests."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from sqlalchemy import Connection, select

from framefarm.api.guesses import Guesses
from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t
from framefarm.farm.registry import RevokedError, hash_key
from framefarm.farm.service import Farm

_REMEMBERED = 20_000
_REFUSED_REMEMBERED = 10_000
_GUESSES = 20
"""Wrong keys of an address that are looked up within a minute."""

_LOOKUPS = 4
"""At the same time, for all addresses together."""

_UNKNOWN = (
    "This manager has given no such key to a worker. A person's token begins with ff_, and comes "
    "whole: Authorization: Bearer ff_..."
)


class UnknownKeyError(FrameFarmError):
    """A request that only a worker may make carries no key, or one this manager never gave."""

    code = "worker_key"


class TooManyKeysError(FrameFarmError):
    """Too many keys that nobody has came from one address."""

    code = "busy"
    retryable = True


class KeyRing:
    """Worker ids by the hash of their key, read once from the database.

    A key that was revoked is refused from the moment that `forget` is called, also by a lookup that
    had read the database just before.

    Keys that are none cost as little (L14): each is looked up once, a few at a time, and no more of
    an address that showed too many. Workers do not suffer from others behind their address, since
    they are known from their welcome.

    Args:
        farm: Whose workers they are.
        clock: Seconds that only rise.
    """

    def __init__(self, farm: Farm, clock: Callable[[], float] = time.monotonic) -> None:
        self._farm = farm
        self._clock = clock
        self._known: dict[str, str] = {}
        self._key_of: dict[str, str] = {}
        self._revoked: set[str] = set()
        self._refused: OrderedDict[str, type[FrameFarmError]] = OrderedDict()
        self._guesses = Guesses(most=_GUESSES)
        self._lookups = asyncio.Semaphore(_LOOKUPS)

    async def worker_of(self, key: str, address: str | None = None) -> str:
        """The id of the worker whose key this is.

        Args:
            key: As it was shown.
            address: Of whoever shows it; None for a local caller, who may guess.

        Raises:
            UnknownKeyError: It is none this manager knows.
            RevokedError: It counts no more.
            TooManyKeysError: It was not looked at.
        """
        hashed = hash_key(key)
        worker_id = self._known.get(hashed) or await self._look_up(hashed, address)
        self.check(worker_id)
        return worker_id

    def learn(self, key: str, worker_id: str, *, new: bool = False) -> None:
        """A worker has just shown that a key is its own, or was given a new one."""
        if new and (older := self._key_of.get(worker_id)) is not None:
            # It counts no more.
            self._known.pop(older, None)
        self._remember(hash_key(key), worker_id)

    async def _look_up(self, hashed: str, address: str | None) -> str:
        async with self._lookups:
            # Only now: those before it may have been guesses from the same address.
            self._refuse_again(hashed, address)
            try:
                worker_id = await self._farm.read(lambda connection: _look_up(connection, hashed))
            except (UnknownKeyError, RevokedError) as error:
                self._note_refused(hashed, type(error), address)
                raise
        self._remember(hashed, worker_id)
        return worker_id

    def _refuse_again(self, hashed: str, address: str | None) -> None:
        refused = self._refused.get(hashed)
        if refused is RevokedError:
            raise RevokedError
        if refused is not None:
            raise UnknownKeyError(_UNKNOWN)
        if address is not None and self._guesses.wait_s(address, self._clock()):
            raise TooManyKeysError("Too many wrong keys came from this address; try again soon.")

    def _note_refused(self, hashed: str, error: type[FrameFarmError], address: str | None) -> None:
        self._refused[hashed] = error
        if len(self._refused) > _REFUSED_REMEMBERED:
            self._refused.popitem(last=False)
        if address is not None and error is UnknownKeyError:
            self._guesses.note(address, self._clock())

    def _remember(self, hashed: str, worker_id: str) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
            self._key_of.clear()
        self._known[hashed] = worker_id
        self._key_of[worker_id] = hashed

    def check(self, worker_id: str) -> None:
        """Make sure that a worker recognised before still counts.

        Raises:
            RevokedError: It does not.
        """
        if not self.counts(worker_id):
            raise RevokedError

    def counts(self, worker_id: str) -> bool:
        """Whether a worker recognised before still counts."""
        return worker_id not in self._revoked

    def forget(self, worker_id: str) -> None:
        """Refuse a worker's key from now on."""
        self._revoked.add(worker_id)


def _look_up(connection: Connection, hashed: str) -> str:
    row = connection.execute(
        select(t.workers.c.id, t.workers.c.revoked_at).where(t.workers.c.key_hash == hashed)
    ).one_or_none()
    if row is None:
        raise UnknownKeyError(_UNKNOWN)
    if row.revoked_at is not None:
        raise RevokedError
    worker_id: str = row.id
    return worker_id
