"""Recognising a worker by the key in its requests."""

from __future__ import annotations

from fastapi import Request
from sqlalchemy import select

from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t
from framefarm.farm.registry import hash_key
from framefarm.farm.service import Farm

_REMEMBERED = 20_000


class UnknownKeyError(FrameFarmError):
    """A request that only workers may make carries no key, or one this manager never gave."""

    code = "worker_key"


class KeyRing:
    """Worker ids by the hash of their key, read once from the database."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._known: dict[str, str] = {}

    async def worker_of(self, request: Request) -> str:
        """The id of the worker that makes a request.

        Raises:
            UnknownKeyError: It is none this manager knows.
        """
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        hashed = hash_key(key)
        if scheme.lower() == "bearer" and hashed in self._known:
            return self._known[hashed]
        worker_id = await self._farm.read(
            lambda c: c.execute(
                select(t.workers.c.id).where(t.workers.c.key_hash == hashed)
            ).scalar_one_or_none()
        )
        if worker_id is None or scheme.lower() != "bearer":
            raise UnknownKeyError("Only a worker that this manager knows may do that.")
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[hashed] = worker_id
        return str(worker_id)
