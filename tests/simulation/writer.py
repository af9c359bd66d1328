"""The group-commit writer without its thread: it writes when its moment in simulated time comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from framefarm.db.writer import GroupCommitWriter, Handler
from framefarm.farm.claim_requests import ClaimRequest

from .shortcuts import NOT_SHORT

if TYPE_CHECKING:
    from .manager import Incarnation


class SimulatedWriter(GroupCommitWriter):
    """Groups, transactions, savepoints and errors are the real writer's; only the thread is not.

    Args:
        engine: Where to write.
        life: The manager it writes for.
        options: The real writer's.
    """

    def __init__(self, engine: Engine, life: Incarnation, **options: Any) -> None:
        self._life = life
        self._due = False
        super().__init__(engine, **options)

    def _start(self) -> None:
        """There is no thread."""

    def submit(self, handler: Handler[Any, Any], item: Any) -> asyncio.Future[Any]:
        # What waits to be written may give it something to do.
        known = NOT_SHORT if self._due else self._life.shortcuts.answer(item, self.outages)
        if known is not NOT_SHORT:
            loop = asyncio.get_running_loop()
            quick: asyncio.Future[Any] = loop.create_future()
            if isinstance(item, ClaimRequest):
                # Work may appear while a claim is on its way.
                loop.call_later(self._life.commit_s(), _settle, quick, known)
            else:
                quick.set_result(known)
            return quick
        future = super().submit(handler, item)
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(self._life.commit_s(), self._write)
        return future

    def close(self) -> None:
        """Write what has queued up; refuse what comes later."""
        self._closed = True
        if self._due:
            self._write()

    def _write(self) -> None:
        if not self._due:
            return
        self._due = False
        self._serve(self._next_group())
        self._life.committed()


def _settle(future: asyncio.Future[Any], answer: Any) -> None:
    if not future.done():
        future.set_result(answer)
