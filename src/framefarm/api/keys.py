"""Recognising a worker by the key in its requests."""

from __future__ import annotations

from sqlalchemy import Connection, select

from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t
from framefarm.farm.registry import RevokedError, hash_key
from framefarm.farm.service import Farm

_REMEMBERED = 20_000


class UnknownKeyError(FrameFarmError):
    """A request that only a worker may make carries no key, or one this manager never gave."""

    code = "worker_key"


class KeyRing:
    """Worker ids by the hash of their key, read once from the database.

    A key that was revoked is refused from the moment that `forget` is called, also by a lookup that
    had read the database just before.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._known: dict[str, str] = {}
        self._revoked: set[str] = set()

    async def worker_of(self, key: str) -> str:
        """The id of the worker whose key this is.

        Raises:
            UnknownKeyError: It is none this manager knows.
            RevokedError: It counts no more.
        """
        hashed = hash_key(key)
        worker_id = self._known.get(hashed)
        if worker_id is None:
            worker_id = await self._farm.read(lambda connection: _look_up(connection, hashed))
        self.check(worker_id)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[hashed] = worker_id
        return worker_id

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
        raise UnknownKeyError("This manager has given no such key to a worker.")
    if row.revoked_at is not None:
        raise RevokedError
    worker_id: str = row.id
    return worker_id
