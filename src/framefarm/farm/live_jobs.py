"""Jobs as the running manager steers them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from framefarm.core.spans import Spans
from framefarm.core.states import JobState
from framefarm.core.versions import BlenderVersion
from framefarm.db import nothing_else
from framefarm.farm.blender_choice import settle_open
from framefarm.farm.duties import guarded
from framefarm.farm.new_jobs import PlannedJob, job_with_fingerprint, store_job
from framefarm.farm.news import News
from framefarm.farm.quotas import check_again, check_quota
from framefarm.farm.redoing import retry
from framefarm.farm.refusals import told_when_refused
from framefarm.farm.removal import remove_job
from framefarm.farm.reviving import plan_revival
from framefarm.farm.shot_places import place_job
from framefarm.farm.steering import job_state
from framefarm.farm.views import JobView

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_REDOING_S = 5.0


class LiveJobs:
    """Takes jobs in, and steers them. Used from the manager's event loop only.

    Args:
        farm: Whose jobs.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._newcomers = asyncio.Event()

    async def submit(
        self, job: PlannedJob, also: Callable[[Connection, JobView, bool], None] = nothing_else
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
            if also is not nothing_else:
                also(connection, self._farm.views.one(connection, job_id), new)
            return job_id, new, news

        async with told_when_refused(self._farm):
            job_id, new, news = await self._farm.writer.write(work)
        # A worker that connected since the job was planned did not find it to settle.
        await self._settle_blenders()
        await self._farm.spread(news)
        self._farm.redoing.set()
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
            return known, False, retry(connection, self._farm.catalog, known)
        return known, False, News(jobs={known}, work=True)

    async def steer(self, job_id: int, work: Callable[[Connection], News]) -> JobView:
        """Run a write that steers a job; returns the job as it is then.

        Raises:
            NoSuchJobError: There is no such job.
            FrameFarmError: What the work raises: the job's state does not allow it.
        """
        await self._farm.change(work)
        return await self.view(job_id)

    async def retry(
        self,
        job_id: int,
        *,
        frames: Spans | None,
        everything: bool,
        check: Callable[[Connection], None] = nothing_else,
    ) -> JobView:
        """Put units of a job back to work; see `framefarm.farm.redoing`.

        Args:
            frames: Only these, whatever became of them; None for those that failed.
            everything: All of them.
            check: Called by the same transaction before; may refuse.

        Returns:
            The job as it is then. Taking back hundreds of thousands of units takes a while, which
            is waited for only so long.

        Raises:
            NoSuchJobError: There is no such job.
            NothingToRetryError: Nothing failed, and nothing is named.
            NoSuchFramesError: It has none of the frames.
            QuotaExceededError: It has ended, and its owner has as much of others as may be.
        """
        await self.put_back(job_id, frames=frames, everything=everything, check=check)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._farm.nothing_to_redo.wait(), _REDOING_S)
        return await self.view(job_id)

    async def put_back(
        self,
        job_id: int,
        *,
        frames: Spans | None = None,
        everything: bool = False,
        check: Callable[[Connection], None] = nothing_else,
    ) -> None:
        """The same without waiting for what is taken back after the first write."""
        revival = await self._farm.read(lambda c: plan_revival(c, self._farm.catalog, job_id))
        work = partial(retry, catalog=self._farm.catalog, job_id=job_id, frames=frames)
        work = partial(work, everything=everything, revival=revival)

        def allowed(connection: Connection) -> News:
            check(connection)
            check_again(connection, job_id)
            return work(connection)

        async with told_when_refused(self._farm):
            await self._farm.change(allowed)
        self._farm.nothing_to_redo.clear()
        self._farm.redoing.set()

    async def delete(
        self,
        job_id: int,
        *,
        outputs: bool = False,
        check: Callable[[Connection], None] = nothing_else,
    ) -> None:
        """Delete a job.

        Args:
            outputs: Also remove its files from the outputs folder.
            check: Called before, and by the transaction that deletes; may refuse.

        Raises:
            NoSuchJobError: There is no such job.
        """
        await remove_job(self._farm, job_id, outputs=outputs, check=check)

    async def view(self, job_id: int) -> JobView:
        """A job as people see it.

        Raises:
            NoSuchJobError: There is no such job.
        """
        return await self._farm.read(lambda connection: self._farm.views.one(connection, job_id))

    # --- the Blender they are rendered with ---

    def worker_came(self, worker_id: str) -> None:
        """A worker is here: it may have the Blender that a job waits for."""
        self._farm.telling.workers([worker_id])
        self._farm.sessions.wake()
        self._newcomers.set()

    async def settle_for_newcomers(self) -> None:
        """Look once for all that came meanwhile: after a restart they come by the thousand."""
        while True:
            await self._newcomers.wait()
            self._newcomers.clear()
            await guarded("settle_blenders", self._settle_blenders())

    async def _settle_blenders(self) -> None:
        """Choose the Blender of jobs for which that was still open, now that a worker is here."""
        versions = sorted(self._farm.roster.blender_versions())
        if not versions:
            return
        available = [BlenderVersion.parse(version) for version in versions]
        if await self._farm.writer.write(lambda c: settle_open(c, self._farm.catalog, available)):
            self._farm.dispatcher.work_appeared()
