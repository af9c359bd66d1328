"""The manager's heart: puts the parts together and passes what happens from one to the other.

The parts that write run in the group-commit writer's thread, inside transactions; this shell runs
in the manager's event loop. What a transaction changed comes back as `News`, and is told to
followers, workers and waiting slots only after it is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import DBAPIError

from framefarm.core.errors import FrameFarmError
from framefarm.core.requirements import Pool, Requirements
from framefarm.core.spans import Spans
from framefarm.core.states import JobState
from framefarm.core.versions import BlenderVersion
from framefarm.db import (
    GroupCommitWriter,
    Handler,
    database_error,
    migrate,
    open_engine,
    sqlite_url,
)
from framefarm.db import tables as t
from framefarm.farm.admissions import admit_many
from framefarm.farm.blame import Blame, known_elsewhere
from framefarm.farm.blender_choice import settle_open
from framefarm.farm.catalog import Catalog
from framefarm.farm.charging import finish_and_charge
from framefarm.farm.deleting import delete_job
from framefarm.farm.delivery import Delivery
from framefarm.farm.dispatch import Dispatcher
from framefarm.farm.duties import duties_of, guarded
from framefarm.farm.failures import Failure, fail_many
from framefarm.farm.finishes import Settlement
from framefarm.farm.heartbeats import Heartbeats
from framefarm.farm.joining import LOCAL, Door, Invitation, invite
from framefarm.farm.keeper import Keeper
from framefarm.farm.knocks import Admission, HeldLease, Knock
from framefarm.farm.late_finishes import Finish
from framefarm.farm.live_facts import LiveFacts
from framefarm.farm.live_sessions import LiveSessions
from framefarm.farm.new_jobs import (
    PlannedJob,
    job_with_fingerprint,
    store_job,
)
from framefarm.farm.news import News, UnitNews
from framefarm.farm.notifying import Notifying
from framefarm.farm.prefetching import Prefetching
from framefarm.farm.pulse import Pulse
from framefarm.farm.quarantine import Bars, bars
from framefarm.farm.quotas import check_again, check_quota
from framefarm.farm.redoing import retry
from framefarm.farm.refusals import told_when_refused
from framefarm.farm.requeue import free_worker
from framefarm.farm.reviving import plan_revival
from framefarm.farm.revoking import revoke
from framefarm.farm.roster import Link, Roster, Work
from framefarm.farm.settings import ManagerSettings
from framefarm.farm.shot_places import place_job
from framefarm.farm.shot_telling import MADE
from framefarm.farm.stalls import stall_limit_s
from framefarm.farm.steering import find_job, job_state
from framefarm.farm.telling import Telling
from framefarm.farm.uploads import Uploads
from framefarm.farm.views import JobView, JobViews
from framefarm.farm.worker_orders import WorkerOrders
from framefarm.farm.worker_states import Departure, note_departures, note_lost
from framefarm.protocol.messages import Hello, Revoke
from framefarm.storage import BlobFolder

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


def _nothing(*_: object) -> None:
    """Nothing else belongs to the transaction."""


_READERS = 2
"""Threads that read. Most of a read is Python's own work, which one thread at a time does: more of
them read no faster, and the event loop, for which workers wait, waits longer for its turn
(docs/performance.md). Uploads have threads of their own, so neither waits for the other's disk."""


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
        self._readers = ThreadPoolExecutor(_READERS, "reading")
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
        self.blame = Blame(settings.blame, self._elsewhere)
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
        # A departure was before the arrival that it shares a group with.
        self._departures: Handler[Departure, None] = Handler(note_departures, rank=5)
        self._admissions: Handler[Knock, Admission | FrameFarmError] = Handler(
            lambda connection, items: admit_many(
                connection, self.catalog, items, limits=settings.blame, lives=settings.lives
            ),
            rank=12,
        )
        self._finishes: Handler[Finish, Settlement] = Handler(
            lambda connection, items: finish_and_charge(
                connection, self.catalog, items, settings.blame
            ),
            rank=20,
        )
        self._failures: Handler[Failure, Settlement] = Handler(
            lambda connection, items: fail_many(connection, self.catalog, items, self.blame),
            rank=30,
        )
        self.bars: dict[str, Bars] = {}
        self._started_at = time.monotonic()
        self.come_by_s = 0.0
        self.stopping = False
        self._newcomers = asyncio.Event()
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
        await self.refresh_bars()
        await self.sessions.settle()
        self._duties = [
            asyncio.create_task(self.dispatcher.serve_waiting(), name="serve_waiting"),
            asyncio.create_task(
                self.dispatcher.serve_tails(self.settings.tail_every_s), name="serve_tails"
            ),
            asyncio.create_task(self._note_lost(), name="note_lost"),
            asyncio.create_task(self.telling.run(), name="tell_followers"),
            asyncio.create_task(self.notifying.run(), name="notify"),
            asyncio.create_task(self._settle_for_newcomers(), name="settle_for_newcomers"),
            asyncio.create_task(self.sessions.run(), name="settle_sessions"),
            asyncio.create_task(self.delivery.leftovers(), name="deliver_leftovers"),
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

    # --- workers --------------------------------------------------------------------------

    async def admit(self, hello: Hello, door: Door = LOCAL) -> Admission:
        """Take in a worker.

        Raises:
            WorkerKeyError: It is not who it says.
            RevokedError: Its key counts no more.
            JoinTokenError: It is new, and may not join with what it showed.
            TooManyGuessesError: It is new, and its token is not looked at now.
        """
        admission = await self.writer.submit(self._admissions, Knock(hello, door))
        if isinstance(admission, FrameFarmError):
            raise admission
        await self.spread(admission.news)
        return admission

    async def note_departure(self, departure: Departure) -> None:
        """Note that a worker's connection is gone."""
        await self.writer.submit(self._departures, departure)
        self.telling.workers([departure.worker_id])
        self.sessions.wake()

    async def invite(
        self,
        *,
        pool: Pool,
        uses: int,
        lifetime_s: float,
        also: Callable[[Connection, Invitation], None] = _nothing,
    ) -> Invitation:
        """Make a join token; `also` belongs to the same transaction."""

        def work(connection: Connection) -> Invitation:
            made = invite(connection, pool=pool, uses=uses, lifetime_s=lifetime_s)
            also(connection, made)
            return made

        return await self.writer.write(work)

    async def revoke(self, worker_id: str) -> bool:
        """Take a worker's key away and free its leases; False when that was done before."""
        news = await self.writer.write(lambda c: revoke(c, self.catalog, worker_id))
        if news is not None:
            await self.spread(news)
            self.telling.workers([worker_id])
            self.sessions.wake()
        return news is not None

    async def free(self, worker_id: str, *, reason: str) -> None:
        """Free a worker's leases, unblamed."""
        work = partial(
            free_worker, catalog=self.catalog, worker_id=worker_id, reason=reason, lost=False
        )
        await self.change(work)

    def finish(self, finish: Finish) -> asyncio.Future[Settlement]:
        """Queue a result; `settled` its answer once it is there."""
        return self.writer.submit(self._finishes, finish)

    def _elsewhere(
        self, connection: Connection, asked: Requirements, avoid: frozenset[str], more: int
    ) -> bool:
        """Whether a worker that is here, or was a moment ago, could do a stage; see `Blame`.

        Soon after the manager's start also one that was here within a day: how long the manager was
        away is not the workers' doing, and they are on their way back.
        """
        known_s = self.settings.known_s
        just_started = time.monotonic() - self._started_at < known_s
        return self.roster.others(asked, avoid, more) or known_elsewhere(
            connection, asked, avoid, more, seen_s=_A_DAY_S if just_started else known_s
        )

    def fail(self, failure: Failure) -> asyncio.Future[Settlement]:
        """Queue a failure; `settled` its answer once it is there.

        At once, and not when it is durable: a slot's next claim may come in the same message.
        """
        link = self.roster.get(failure.worker_id)
        if link is not None:
            self._let_rest(link, failure.stage_id)
        return self.writer.submit(self._failures, failure)

    def _let_rest(self, link: Link, stage_id: int) -> None:
        stage = self.catalog.known(stage_id)

        def sound_elsewhere() -> bool:
            return stage is None or self.roster.sound_for(stage.asked, stage_id)

        pause_s = link.rest(stage_id, self.settings.blame, sound_elsewhere)
        if pause_s:
            asyncio.get_running_loop().call_later(pause_s, self._rested, link, stage_id)

    def _rested(self, link: Link, stage_id: int) -> None:
        link.rested(stage_id)
        self.dispatcher.work_appeared()

    async def settled(self, settlement: Settlement) -> str:
        """Spread what a settlement changed; returns the answer for the worker."""
        if settlement.news is not None:
            await self.spread(settlement.news)
        return settlement.answer

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
            await self.refresh_bars()
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

    async def refresh_bars(self) -> None:
        """Learn which workers may not have what (L9), and from whom that is lifted by now."""
        before, self.bars = self.bars, await self.read(bars)
        for worker_id in before.keys() | self.bars.keys():
            link = self.roster.get(worker_id)
            if link is not None:
                self.bar(link)
        if before != self.bars:
            self.dispatcher.work_appeared()

    def bar(self, link: Link) -> None:
        """Tell a connected worker's link what it may not have."""
        its = self.bars.get(link.worker_id, _NO_BARS)
        link.barred, link.probation = its.barred, its.probation

    def recall_work(self, link: Link, held: Iterable[HeldLease]) -> None:
        """Learn again what the slots of a worker that came back are at."""
        for lease in held:
            slot = link.slots.get(lease.slot)
            if slot is not None and slot.work is None:
                slot.work = Work(lease.id, lease.job_id, lease.stage_id, lease.kind, lease.units)
                slot.note_progress(Spans.restore(lease.units).first, 0, 0)
                slot.stall_s = stall_limit_s(self.settings.stall_s, None)

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

    # --- jobs -----------------------------------------------------------------------------

    async def submit(
        self, job: PlannedJob, also: Callable[[Connection, JobView, bool], None] = _nothing
    ) -> tuple[JobView, bool]:
        """Store a job, or find the one with its fingerprint and put it back to work.

        Args:
            job: The job; where it belongs to a shot, it is the next version.
            also: What belongs to the same transaction; gets the job, and whether it is new.

        Returns:
            The same.
        """

        def work(connection: Connection) -> tuple[int, bool, News]:
            job_id, new, news = self._submit(connection, job)
            if also is not _nothing:
                also(connection, self.views.one(connection, job_id), new)
            return job_id, new, news

        async with told_when_refused(self):
            job_id, new, news = await self.writer.write(work)
        # A worker that connected since the job was planned did not find it to settle.
        await self.settle_blenders()
        await self.spread(news)
        self.redoing.set()
        return await self.view(job_id), new

    def _submit(self, connection: Connection, job: PlannedJob) -> tuple[int, bool, News]:
        known = None
        if job.fingerprint:
            known = job_with_fingerprint(connection, job.fingerprint, job.wishes.owner)
        if known is None:
            check_quota(connection, job)
            placed, new_shot = place_job(connection, job)
            job_id = store_job(connection, placed)
            made = set() if new_shot is None else {new_shot}
            return job_id, True, News(jobs={job_id}, work=True, shots=made)
        if job_state(connection, known) in {JobState.FAILED, JobState.CANCELLED}:
            check_again(connection, known)
            return known, False, retry(connection, self.catalog, known)
        return known, False, News(jobs={known}, work=True)

    async def steer(self, job_id: int, work: Callable[[Connection], News]) -> JobView:
        """Run a write that steers a job; returns the job as it is then.

        Raises:
            NoSuchJobError: There is no such job.
            FrameFarmError: What the work raises: the job's state does not allow it.
        """
        await self.change(work)
        return await self.view(job_id)

    async def retry(self, job_id: int, *, frames: Spans | None, everything: bool) -> JobView:
        """Put units of a job back to work; see `framefarm.farm.redoing`.

        Returns:
            The job as it is then. Taking back hundreds of thousands of units takes a while, which
            is waited for only so long.

        Raises:
            NoSuchJobError: There is no such job.
            NothingToRetryError: Nothing failed, and nothing is named.
            NoSuchFramesError: It has none of the frames.
            QuotaExceededError: It has ended, and its owner has as much of others as may be.
        """
        revival = await self.read(lambda c: plan_revival(c, self.catalog, job_id))
        work = partial(retry, catalog=self.catalog, job_id=job_id, frames=frames)
        work = partial(work, everything=everything, revival=revival)

        def within_quota(connection: Connection) -> News:
            check_again(connection, job_id)
            return work(connection)

        async with told_when_refused(self):
            await self.change(within_quota)
        self.nothing_to_redo.clear()
        self.redoing.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.nothing_to_redo.wait(), _REDOING_S)
        return await self.view(job_id)

    async def delete(
        self,
        job_id: int,
        *,
        outputs: bool = False,
        check: Callable[[Connection], None] = _nothing,
    ) -> None:
        """Delete a job.

        Args:
            outputs: Also remove its files from the outputs folder.
            check: Called by the same transaction before; may refuse.

        Raises:
            NoSuchJobError: There is no such job.
        """
        job = await self.read(lambda connection: find_job(connection, job_id))
        placed = await asyncio.to_thread(self.delivery.places, job_id) if outputs else []

        def work(connection: Connection) -> News:
            check(connection)
            return delete_job(connection, self.catalog, job_id)

        await self.change(work)
        # Again: a transaction that was rolled back and repeated may have read it anew meanwhile.
        self.catalog.forget(job_id)
        self.deleted.set()
        self.telling.deleted(job_id, job.owner)
        self.delivery.forget(job_id)
        if placed:
            await self.delivery.remove(placed)

    async def view(self, job_id: int) -> JobView:
        """A job as people see it.

        Raises:
            NoSuchJobError: There is no such job.
        """
        return await self.read(lambda connection: self.views.one(connection, job_id))

    def worker_came(self, worker_id: str) -> None:
        """A worker is here: it may have the Blender that a job waits for."""
        self.telling.workers([worker_id])
        self.sessions.wake()
        self._newcomers.set()

    async def _settle_for_newcomers(self) -> None:
        """Look once for all that came meanwhile: after a restart they come by the thousand."""
        while True:
            await self._newcomers.wait()
            self._newcomers.clear()
            await guarded("settle_blenders", self.settle_blenders())

    async def settle_blenders(self) -> None:
        """Choose the Blender of jobs for which that was still open, now that a worker is here."""
        versions = sorted(self.roster.blender_versions())
        if not versions:
            return
        available = [BlenderVersion.parse(version) for version in versions]
        if await self.writer.write(lambda c: settle_open(c, self.catalog, available)):
            self.dispatcher.work_appeared()

    # --- duties ---------------------------------------------------------------------------

    async def _note_lost(self) -> None:
        work = partial(
            note_lost,
            connected=lambda worker_id: self.roster.get(worker_id) is not None,
            lease_s_of=self.settings.lease_s_of,
        )
        # Those that were here before this manager started have time to come back.
        await asyncio.sleep(max(map(self.settings.lease_s_of, Pool)))
        while True:
            await guarded("note_lost", self._note_some_lost(work))
            await asyncio.sleep(min(5.0, self.settings.lease_s / 3))

    async def _note_some_lost(self, work: Callable[[Connection], list[str]]) -> None:
        lost = await self.writer.write(work)
        self.telling.workers(lost)
        if lost:
            self.sessions.wake()


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


_NO_BARS = Bars()
_A_DAY_S = 86_400.0
_REDOING_S = 5.0
