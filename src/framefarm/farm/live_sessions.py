"""Sessions as the running manager knows them: who is in which, and telling what happens in them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection

from framefarm.db import nothing_else
from framefarm.farm.duties import guarded
from framefarm.farm.news import News, UnitNews
from framefarm.farm.roster import Link
from framefarm.farm.session_news import SessionNews, Settled
from framefarm.farm.session_rounds import Here, members, settle_sessions

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_T = TypeVar("_T")
_U = TypeVar("_U")
_PAUSE_S = 0.1
"""Between two rounds: what happens at once is looked at once."""

_SHARE = 0.1
"""Of the time that rounds may take, so that with thousands of workers others' writes go on."""

_AT_LEAST_EVERY_S = 5.0


class LiveSessions:
    """Keeps sessions as they should be. Used from the manager's event loop only.

    Args:
        farm: Whose sessions.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._jobs: dict[str, int] = {}
        self._sessions: dict[int, int] = {}
        self._rounds = self._applied = 0
        self._begun: set[str] = set()
        self._woken = asyncio.Event()
        farm.dispatcher.on_lease = self._note_lease

    def job_of(self, worker_id: str) -> int:
        """The job in whose session a worker is; 0 for none."""
        return self._jobs.get(worker_id, 0)

    # --- keeping ---

    def wake(self) -> None:
        """Look again soon; nothing happens while there is no session."""
        if self._sessions:
            self._woken.set()

    def note(self, news: News) -> None:
        """Look again if a durable write may have changed who is to be where."""
        if news.workers or news.barred or not self._sessions.keys().isdisjoint(news.jobs):
            self.wake()

    async def run(self) -> None:
        """Look whenever something has changed, and now and then, for ever."""
        while True:
            await self._until_woken()
            self._woken.clear()
            began = time.monotonic()
            await guarded("settle_sessions", self.settle())
            took_s = time.monotonic() - began
            await asyncio.sleep(max(_PAUSE_S, took_s * (1.0 / _SHARE - 1.0)))

    async def _until_woken(self) -> None:
        if not self._sessions:
            await self._woken.wait()
            return
        try:
            async with asyncio.timeout(_AT_LEAST_EVERY_S):
                await self._woken.wait()
        except TimeoutError:
            return

    async def settle(self) -> None:
        """Bring all sessions to what they should be now."""
        await self.change(nothing_else, lambda _, __: None)

    async def change(
        self,
        work: Callable[[Connection], _T],
        then: Callable[[Connection, _T], _U],
    ) -> _U:
        """Run a write that changes sessions, and let workers join and leave by what is so then.

        Args:
            work: The write.
            then: Called in the same transaction at its end, with what the write returned.

        Returns:
            What that returned.

        Raises:
            FrameFarmError: What they raise.
        """

        def all_of_it(connection: Connection) -> tuple[_U, int, Settled]:
            before = members(connection) if work is not nothing_else else ()
            made = work(connection)
            self._rounds += 1
            links = {link.worker_id: link for link in self._farm.roster}
            here = Here(links, self._farm.dispatcher.request_of)
            settled = settle_sessions(connection, here, before)
            return then(connection, made), self._rounds, settled

        answer, number, settled = await self._farm.writer.write(all_of_it)
        self._apply(number, settled)
        if settled.prefetch:
            await guarded("send_files", self._farm.prefetching.send(settled.prefetch))
        return answer

    def _apply(self, number: int, settled: Settled) -> None:
        """Take over what a durable round decided, unless a later one has been taken over."""
        # Also where it had nobody: what was its job's alone is for anybody now.
        moved = settled.sessions != self._sessions
        for news in settled.news:
            self._tell(news)
        if number > self._applied:
            self._applied = number
            self._move(settled)
        if moved or settled.news or settled.begun:
            self._farm.dispatcher.work_appeared()

    def _move(self, settled: Settled) -> None:
        before, self._jobs = self._jobs, settled.jobs
        told = {news.worker_id for news in settled.news}
        known = self._sessions
        if settled.sessions and not self._sessions:
            # Whoever looks after them has waited for the first one.
            self._woken.set()
        self._sessions = settled.sessions
        for worker_id in before.keys() | self._jobs.keys():
            job_id = self.job_of(worker_id)
            if before.get(worker_id, 0) == job_id:
                continue
            self._begun.discard(worker_id)
            if not job_id and worker_id not in told:
                # All that a deleted job had went with it, and nobody wrote down whom it had.
                its = (known.get(before[worker_id], 0), before[worker_id])
                why = "its job was deleted"
                self._tell(SessionNews("released", *its, worker_id, self._name(worker_id), why))
            if (link := self._farm.roster.get(worker_id)) is not None:
                link.job = job_id
                link.learn_abilities()
        for worker_id in self._begun & settled.spare:
            self._begun.discard(worker_id)
            self.tell_of_worker("share", worker_id)

    # --- telling ---

    def _note_lease(self, link: Link, job_id: int) -> None:
        """A slot got units of a job: with the first of its session's job, its worker begins."""
        if link.job == job_id and link.job and link.worker_id not in self._begun:
            self._begun.add(link.worker_id)
            self.tell_of_worker("started", link.worker_id)

    def note_unit(self, unit: UnitNews) -> None:
        """A unit is done: a worker of a session finished a frame."""
        if unit.state == "done" and self.job_of(unit.worker_id) == unit.job_id:
            self.tell_of_worker("frame", unit.worker_id, kind=unit.kind, unit=unit.unit)

    def tell_of_worker(self, what: str, worker_id: str, **facts: Any) -> None:
        """Tell what a worker does for the session that it is in."""
        job_id = self.job_of(worker_id)
        its = (self._sessions.get(job_id, 0), job_id)
        self._tell(SessionNews(what, *its, worker_id, self._name(worker_id)), **facts)

    def _name(self, worker_id: str) -> str:
        link = self._farm.roster.get(worker_id)
        return link.name if link is not None else worker_id

    def _tell(self, news: SessionNews, **facts: Any) -> None:
        told = asdict(news)
        told = {_NAMES.get(key, key): value for key, value in told.items() if value}
        self._farm.telling.session({**told, **facts}, news.job_id, news.worker_id)


_NAMES = {"session_id": "session", "job_id": "job", "worker_id": "id"}
