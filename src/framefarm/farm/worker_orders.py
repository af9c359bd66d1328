"""Telling connected workers what people decided about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, select

from framefarm.core.states import WorkerState
from framefarm.db import GroupCommitWriter, nothing_else
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.dispatch import Dispatcher
from framefarm.farm.news import News
from framefarm.farm.roster import Link, Roster
from framefarm.farm.worker_names import find_worker
from framefarm.farm.worker_steering import (
    Steered,
    WorkerAction,
    WorkerChange,
    rename,
    steer_many,
)
from framefarm.protocol import messages as m

_AT_A_TIME = 200
"""Workers changed in one transaction; others have their turn in between."""

_NO_WORK = {WorkerState.DISABLED, WorkerState.DRAINING}
_Many = tuple[list[Steered], News]


class WorkerOrders:
    """Changes workers and tells those that are connected.

    Args:
        writer: Runs the changes.
        catalog: The stages' settings.
        roster: Who is connected.
        dispatcher: Told when other slots than before may have some work.
        spread: Tells everyone concerned what a durable write changed.

    Attributes:
        count: How many times something was decided. A worker whose greeting was under way when
            that happened has heard what held before; see `worker_socket`.
    """

    def __init__(
        self,
        writer: GroupCommitWriter,
        catalog: Catalog,
        roster: Roster,
        dispatcher: Dispatcher,
        spread: Callable[[News], Awaitable[None]],
    ) -> None:
        self._writer = writer
        self._catalog = catalog
        self._roster = roster
        self._dispatcher = dispatcher
        self._spread = spread
        self.count = 0

    async def steer(
        self,
        worker_ids: Sequence[str],
        change: WorkerChange,
        *,
        check: Callable[[Connection], None] = nothing_else,
    ) -> list[Steered]:
        """Do the same with some workers.

        Args:
            check: Called by each transaction before it changes any; may refuse.

        Returns:
            What became of each, in their order.
        """
        steered: list[Steered] = []
        for start in range(0, len(worker_ids), _AT_A_TIME):
            some = worker_ids[start : start + _AT_A_TIME]
            told, news = await self._writer.write(
                partial(self._steer_some, ids=some, change=change, check=check)
            )
            self.count += 1
            news.workers.update(some)
            await self._spread(news)
            for one in told:
                await self._tell(one, change)
            steered += told
        # What a worker may have now, and what no other than those that failed can do any more.
        self._dispatcher.work_appeared()
        return steered

    def _steer_some(
        self,
        connection: Connection,
        ids: Sequence[str],
        change: WorkerChange,
        check: Callable[[Connection], None],
    ) -> _Many:
        check(connection)
        return steer_many(
            connection,
            self._catalog,
            ids,
            change,
            connected=lambda worker_id: self._roster.get(worker_id) is not None,
        )

    async def _tell(self, steered: Steered, change: WorkerChange) -> None:
        link = self._roster.get(steered.id)
        if link is None or steered.outcome == "refused":
            return
        if change.action in {WorkerAction.TAG, WorkerAction.UNTAG}:
            _carry(link, steered.tags)
            return
        if change.action is WorkerAction.DRAIN and steered.outcome == "unchanged":
            return
        order = _order(change)
        _let(link, claim=change.action is WorkerAction.ENABLE)
        await link.send([order])

    async def remind(self, link: Link) -> None:
        """Tell a worker how things stand that greeted while something was decided."""
        worker = await self._writer.write(
            lambda c: c.execute(select(t.workers).where(t.workers.c.id == link.worker_id)).one()
        )
        claim = worker.state not in _NO_WORK
        link.name = worker.name
        _carry(link, worker.tags)
        _let(link, claim=claim)
        restart = [m.Restart()] if worker.restart_boot_id == link.boot_id else []
        await link.send([m.Enable() if claim else m.Drain(), *restart])

    async def rename(
        self, wanted: str, name: str, *, check: Callable[[Row[Any]], None] = nothing_else
    ) -> str:
        """Give a worker a name; returns its id.

        Args:
            check: Called with the worker's row, in the same transaction; may refuse.

        Raises:
            NoSuchWorkerError: There is none that `wanted` names.
            AmbiguousWorkerError: There are several.
            WorkerNameError: The name is none, or another worker's.
        """

        def work(connection: Connection) -> str:
            check(find_worker(connection, wanted))
            return rename(connection, wanted=wanted, name=name)

        worker_id = await self._writer.write(work)
        self.count += 1
        link = self._roster.get(worker_id)
        if link is not None:
            link.name = name.strip()
        await self._spread(News(workers={worker_id}))
        return worker_id


def _order(change: WorkerChange) -> m.Order:
    match change.action:
        case WorkerAction.ENABLE:
            return m.Enable()
        case WorkerAction.RESTART:
            return m.Restart(at_once=change.now)
        case WorkerAction.DISABLE if change.now:
            return m.Disable()
        case _:
            return m.Drain()


def _let(link: Link, *, claim: bool) -> None:
    """Let a worker have leases, or not any more. It asks again once it is told that it may."""
    link.enabled = claim
    for slot in link.slots.values():
        slot.waiting = False


def _carry(link: Link, tags: Sequence[str]) -> None:
    link.tags = frozenset(tags)
    link.learn_abilities()
