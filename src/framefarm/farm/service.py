"""The manager's heart: puts the parts together and passes what happens from one to the other.

The parts that write run in the group-commit writer's thread, inside transactions; this shell, and
the parts of it that keep no more than the moment (`jobs`, `workers`, `results`, `sessions`), run in
the manager's event loop. What a transaction changed comes back as `News`, and is told to followers,
workers and waiting slots only after it is durable.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import DBAPIError

from framefarm.db import (
    GroupCommitWriter,
    database_error,
    migrate,
    open_engine,
    sqlite_url,
)
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.delivery import Delivery
from framefarm.farm.dispatch import Dispatcher
from framefarm.farm.duties import duties_of, guarded
from framefarm.farm.heartbeats import Heartbeats
from framefarm.farm.keeper import Keeper
from framefarm.farm.live_facts import LiveFacts
from framefarm.farm.live_jobs import LiveJobs
from framefarm.farm.live_results import LiveResults
from framefarm.farm.live_sessions import LiveSessions
from framefarm.farm.live_workers import LiveWorkers
from framefarm.farm.news import News, UnitNews
from framefarm.farm.notifying import Notifying
from framefarm.farm.old_uploads import count_old_uploads
from framefarm.farm.prefetching import Prefetching
from framefarm.farm.pulse import Pulse
from framefarm.farm.reading import Readers
from framefarm.farm.roster import Roster
from framefarm.farm.settings import ManagerSettings
from framefarm.farm.shot_telling import MADE
from framefarm.farm.telling import Telling
from framefarm.farm.uploads import Uploads
from framefarm.farm.views import JobViews
from framefarm.farm.worker_orders import WorkerOrders
from framefarm.protocol.messages import Revoke
from framefarm.storage import BlobFolder

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class Farm:
    """One manager over one database.

    Make it inside a running event loop, `start` it, and `stop` it at the end.

    Args:
        settings: How it is set up.

    Attributes:
        farm_id: Tells this farm from all others; known once it is started.
        epoch: Changes with each start.
        deleted: Set when a job was deleted, whose rows are to be cleared away.
        redoing: Set when units are to be made anew.
        nothing_to_redo: Set when that is done for all of them.
        come_by_s: By when, on the monotonic clock, workers that were told to come later may have.
    """

    def __init__(self, settings: ManagerSettings) -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.epoch = secrets.token_hex(8)
        self.farm_id = ""
        url = settings.database_url or sqlite_url(settings.data_dir / "farm.db")
        self.engine = open_engine(url)
        self._readers = Readers()
        migrate(self.engine)
        self.blobs = BlobFolder(settings.blobs, low_water_bytes=settings.low_water_bytes)
        self.blobs.remove_leftovers()
        self.keeper = self._keeper()
        self.checker = self._keeper()
        self.uploads = Uploads(self)
        self.delivery = Delivery(settings, self.engine, self.blobs)
        self.catalog = Catalog()
        self.roster = Roster()
        self.live = LiveFacts()
        self.notifying = Notifying(self)
        self.telling = Telling(self)
        self.bus = self.telling.bus
        self.pulse = Pulse()
        self.views = JobViews(settings, self.pulse, self.roster)
        self.writer = GroupCommitWriter(self.engine, on_rollback=self.catalog.clear)
        self.dispatcher = Dispatcher(
            self.writer, self.catalog, self.roster, stall_s=settings.stall_s
        )
        self.orders = WorkerOrders(
            self.writer, self.catalog, self.roster, self.dispatcher, self.spread
        )
        self.heartbeats = Heartbeats(self.writer)
        self.sessions = LiveSessions(self)
        self.prefetching = Prefetching(self)
        self.workers = LiveWorkers(self)
        self.jobs = LiveJobs(self)
        self.results = LiveResults(self)
        self.come_by_s = 0.0
        self.stopping = False
        self.deleted = asyncio.Event()
        self.redoing = asyncio.Event()
        self.nothing_to_redo = asyncio.Event()
        self._duties: list[asyncio.Task[None]] = []

    def _keeper(self) -> Keeper | None:
        settings = self.settings
        if not settings.keeper:
            return None
        longest_s = settings.longest_check_s
        return Keeper(settings.blobs, settings.low_water_bytes, longest_s=longest_s)

    async def start(self) -> None:
        """Begin to serve."""
        if self.keeper is not None:
            await self.keeper.start()
        await self.writer.write(self._open)
        await self.workers.refresh_bars()
        await self.sessions.settle()
        self._duties = [
            asyncio.create_task(self.dispatcher.serve_waiting(), name="serve_waiting"),
            asyncio.create_task(
                self.dispatcher.serve_tails(self.settings.tail_every_s), name="serve_tails"
            ),
            asyncio.create_task(self.workers.note_lost(), name="note_lost"),
            asyncio.create_task(self.telling.run(), name="tell_followers"),
            asyncio.create_task(self.notifying.run(), name="notify"),
            asyncio.create_task(self.jobs.settle_for_newcomers(), name="settle_for_newcomers"),
            asyncio.create_task(self.sessions.run(), name="settle_sessions"),
            asyncio.create_task(self.delivery.leftovers(), name="deliver_leftovers"),
            asyncio.create_task(
                guarded("count_old_uploads", count_old_uploads(self)), name="count_old_uploads"
            ),
            *(asyncio.create_task(duty, name=name) for name, duty in duties_of(self).items()),
        ]

    def _open(self, connection: Connection) -> None:
        self.farm_id = _farm_id(connection)
        known = update(t.meta).where(t.meta.c.name == "epoch").values(value=self.epoch)
        if connection.execute(known).rowcount == 0:
            connection.execute(insert(t.meta).values(name="epoch", value=self.epoch))

    def told_to_wait(self, come_by_s: float) -> None:
        """A worker found no room and was told to come later: it cannot renew till then (L7)."""
        self.come_by_s = max(self.come_by_s, come_by_s)

    def begin_to_stop(self) -> None:
        """Whoever follows events is let go, to come again when a manager is here.

        Workers that go from now on go because the manager does; nothing of that is noted: ten
        thousand departures, each written and logged, took longer than a stop may.
        """
        self.stopping = True
        self.telling.close()

    async def stop(self) -> None:
        """End all duties; what was asked to be written is written first."""
        for duty in self._duties:
            duty.cancel()
        await asyncio.gather(*self._duties, self.heartbeats.close(), return_exceptions=True)
        for keeper in (self.keeper, self.checker):
            if keeper is not None:
                await keeper.stop()
        await asyncio.to_thread(self.writer.close)
        await asyncio.to_thread(self.delivery.close)
        await asyncio.to_thread(self._readers.shutdown)
        self.engine.dispose()

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run a reading function in a thread, on a connection of its own.

        Raises:
            DatabaseError: The database could not be read.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_here, work)

    def read_here(self, work: Callable[[Connection], _T]) -> _T:
        """The same in a thread that may wait."""
        try:
            with self.engine.connect().execution_options(reading=True) as connection:
                return work(connection)
        except DBAPIError as error:
            raise database_error(error, "read") from error

    # --- what changed -----------------------------------------------------------------------

    async def change(self, work: Callable[[Connection], News]) -> None:
        """Run a write that changes leases, and spread its news."""
        await self.spread(await self.writer.write(work))

    async def spread(self, news: News) -> None:
        """Tell everyone concerned what a durable write changed."""
        self.sessions.note(news)
        for unit in news.units:
            self._note_unit(unit)
        if news.jobs:
            self.telling.jobs(news.jobs)
        if news.shots:
            self.telling.shots(news.shots, MADE)
        if news.barred:
            await self.workers.refresh_bars()
        if news.workers or news.barred:
            self.telling.workers(news.workers | news.barred)
        if news.work:
            self.dispatcher.work_appeared()
        elif news.jobs:
            self.dispatcher.jobs_changed(news.jobs)
        for lost in news.lost:
            link = self.roster.get(lost.worker_id)
            if link is not None:
                await link.send([Revoke(lost.lease_id, lost.reason, lost.units)])

    def _note_unit(self, unit: UnitNews) -> None:
        link = self.roster.get(unit.worker_id)
        if unit.state == "done":
            self.pulse.finished(unit.stage_id, unit.unit, unit.seconds)
            if link is not None:
                link.took(unit.stage_id, unit.seconds)
        else:
            self.pulse.stopped(unit.stage_id, unit.unit)
        for slot in link.slots.values() if link is not None else ():
            slot.note_sign(unit.stage_id, unit.unit)
        self.telling.unit(unit, link.name if link is not None else unit.worker_id)
        self.sessions.note_unit(unit)


def _farm_id(connection: Connection) -> str:
    """What tells this farm from all others, the same as long as its database lives.

    Workers go by it when the manager's address changes, and never show its key to another.
    """
    known: str | None = connection.execute(
        select(t.meta.c.value).where(t.meta.c.name == "farm_id")
    ).scalar_one_or_none()
    if known is None:
        known = secrets.token_hex(16)
        connection.execute(insert(t.meta).values(name="farm_id", value=known))
    return known
