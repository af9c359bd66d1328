"""Workers as the running manager knows them: their coming and going, and what they may not have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from framefarm.core.errors import FrameFarmError
from framefarm.core.requirements import Pool
from framefarm.core.spans import Spans
from framefarm.db import Handler, nothing_else
from framefarm.farm.admissions import admit_many
from framefarm.farm.duties import guarded
from framefarm.farm.joining import LOCAL, Door, Invitation, invite
from framefarm.farm.knocks import Admission, HeldLease, Knock
from framefarm.farm.news import News
from framefarm.farm.quarantine import Bars, bars
from framefarm.farm.requeue import free_worker
from framefarm.farm.revoking import revoke
from framefarm.farm.roster import Link, Work
from framefarm.farm.stalls import stall_limit_s
from framefarm.farm.worker_states import Departure, note_departures, note_lost
from framefarm.protocol.messages import Hello

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_NO_BARS = Bars()


class LiveWorkers:
    """Takes workers in and lets them go. Used from the manager's event loop only.

    Args:
        farm: Whose workers.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._bars: dict[str, Bars] = {}
        # A departure was before the arrival that it shares a group with.
        self._departures: Handler[Departure, None] = Handler(note_departures, rank=5)
        self._admissions: Handler[Knock, Admission | FrameFarmError] = Handler(
            self._admit_many, rank=12
        )

    def _admit_many(
        self, connection: Connection, knocks: Sequence[Knock]
    ) -> list[Admission | FrameFarmError]:
        settings = self._farm.settings
        return admit_many(
            connection, self._farm.catalog, knocks, limits=settings.blame, lives=settings.lives
        )

    # --- coming and going ---

    async def admit(self, hello: Hello, door: Door = LOCAL) -> Admission:
        """Take in a worker.

        Raises:
            WorkerKeyError: It is not who it says.
            RevokedError: Its key counts no more.
            JoinTokenError: It is new, and may not join with what it showed.
            TooManyGuessesError: It is new, and its token is not looked at now.
        """
        admission = await self._farm.writer.submit(self._admissions, Knock(hello, door))
        if isinstance(admission, FrameFarmError):
            raise admission
        await self._farm.spread(admission.news)
        return admission

    async def note_departure(self, departure: Departure) -> None:
        """Note that a worker's connection is gone."""
        await self._farm.writer.submit(self._departures, departure)
        self._farm.telling.workers([departure.worker_id])
        self._farm.sessions.wake()

    async def invite(
        self,
        *,
        pool: Pool,
        uses: int,
        lifetime_s: float,
        also: Callable[[Connection, Invitation], None] = nothing_else,
    ) -> Invitation:
        """Make a join token; `also` belongs to the same transaction."""

        def work(connection: Connection) -> Invitation:
            made = invite(connection, pool=pool, uses=uses, lifetime_s=lifetime_s)
            also(connection, made)
            return made

        return await self._farm.writer.write(work)

    async def revoke(
        self, worker_id: str, check: Callable[[Connection], None] = nothing_else
    ) -> bool:
        """Take a worker's key away and free its leases; False when that was done before.

        Args:
            check: Called by the same transaction before; may refuse.
        """

        def work(connection: Connection) -> News | None:
            check(connection)
            return revoke(connection, self._farm.catalog, worker_id)

        news = await self._farm.writer.write(work)
        if news is not None:
            await self._farm.spread(news)
            self._farm.telling.workers([worker_id])
            self._farm.sessions.wake()
        return news is not None

    async def free(self, worker_id: str, *, reason: str) -> None:
        """Free a worker's leases, unblamed."""
        work = partial(
            free_worker, catalog=self._farm.catalog, worker_id=worker_id, reason=reason, lost=False
        )
        await self._farm.change(work)

    # --- what they may not have ---

    @property
    def any_barred(self) -> bool:
        """Whether anybody may not have something."""
        return bool(self._bars)

    async def refresh_bars(self) -> None:
        """Learn which workers may not have what (L9), and from whom that is lifted by now."""
        before, self._bars = self._bars, await self._farm.read(bars)
        for worker_id in before.keys() | self._bars.keys():
            link = self._farm.roster.get(worker_id)
            if link is not None:
                self.bar(link)
        if before != self._bars:
            self._farm.dispatcher.work_appeared()

    def bar(self, link: Link) -> None:
        """Tell a connected worker's link what it may not have."""
        its = self._bars.get(link.worker_id, _NO_BARS)
        link.barred, link.probation = its.barred, its.probation

    def recall_work(self, link: Link, held: Iterable[HeldLease]) -> None:
        """Learn again what the slots of a worker that came back are at."""
        for lease in held:
            slot = link.slots.get(lease.slot)
            if slot is not None and slot.work is None:
                slot.work = Work(lease.id, lease.job_id, lease.stage_id, lease.kind, lease.units)
                slot.note_progress(Spans.restore(lease.units).first, 0, 0)
                slot.stall_s = stall_limit_s(self._farm.settings.stall_s, None)

    # --- duties ---

    async def note_lost(self) -> None:
        """Find those that stay away for longer than a lease lasts, for ever."""
        work = partial(
            note_lost,
            connected=lambda worker_id: self._farm.roster.get(worker_id) is not None,
            lease_s_of=self._farm.settings.lease_s_of,
        )
        # Those that were here before this manager started have time to come back.
        await asyncio.sleep(max(map(self._farm.settings.lease_s_of, Pool)))
        while True:
            await guarded("note_lost", self._note_some_lost(work))
            await asyncio.sleep(min(5.0, self._farm.settings.lease_s / 3))

    async def _note_some_lost(self, work: Callable[[Connection], list[str]]) -> None:
        lost = await self._farm.writer.write(work)
        self._farm.telling.workers(lost)
        if lost:
            self._farm.sessions.wake()
