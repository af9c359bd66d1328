"""Bringing finished files to where people look, after the results count."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, exists, select

from framefarm.core.states import ENDED_JOBS
from framefarm.db import tables as t
from framefarm.farm.duties import guarded
from framefarm.farm.outputs import Outputs, folder_of
from framefarm.farm.settings import ManagerSettings
from framefarm.protocol.manifest import ResultFile
from framefarm.storage import BlobFolder

_FOLDERS_REMEMBERED = 10_000
_RECENT = 20


class Delivery:
    """Places outputs in a thread of its own, one after the other.

    One thread, so that a job's last delivery comes after all others.

    Args:
        settings: The manager's.
        engine: For reading.
        blobs: Where the files are.
    """

    def __init__(self, settings: ManagerSettings, engine: Engine, blobs: BlobFolder) -> None:
        self._settings = settings
        self._engine = engine
        self._outputs = Outputs(settings, blobs)
        self._folders: dict[int, Path] = {}
        self._porter = ThreadPoolExecutor(1, thread_name_prefix="porter")

    def close(self) -> None:
        """End the thread; what was not placed is placed at the next start. Blocks."""
        # A job may have a million files to look for.
        self._outputs.stop()
        self._porter.shutdown(cancel_futures=True)

    def soon(self, job_id: int, files: Sequence[ResultFile]) -> None:
        """Put files of a result where people look, after those that came before.

        The result counts already, so its worker need not wait. What a manager killed in between
        leaves unplaced is placed at its next start, and all is there before followers hear `end`.
        """
        self._porter.submit(self._place, job_id, files)

    def _place(self, job_id: int, files: Sequence[ResultFile]) -> None:
        folder = self._folders.get(job_id) or self._folder(job_id)
        if folder is not None:
            self._outputs.deliver(folder, files)

    def _folder(self, job_id: int) -> Path | None:
        with self._engine.connect().execution_options(reading=True) as connection:
            job = connection.execute(select(t.jobs).where(t.jobs.c.id == job_id)).one_or_none()
        if job is None:
            return None
        if len(self._folders) > _FOLDERS_REMEMBERED:
            self._folders.clear()
        folder = self._folders[job_id] = folder_of(self._settings, job)
        return folder

    async def all_of(self, job_id: int) -> None:
        """Put those of a job's files where people look that are not there."""
        await asyncio.get_running_loop().run_in_executor(self._porter, self._place_missing, job_id)

    def _place_missing(self, job_id: int) -> None:
        with self._engine.connect().execution_options(reading=True) as connection:
            self._outputs.deliver_missing(connection, job_id)

    async def leftovers(self) -> None:
        """Place what a manager killed in between left unplaced."""
        for job_id in await asyncio.to_thread(self._unfinished_or_recent):
            await guarded("deliver", self.all_of(job_id))

    def _unfinished_or_recent(self) -> list[int]:
        # Not those that only wait: ten thousand would keep a manager busy for its first seconds.
        begun = exists().where(t.stages.c.job_id == t.jobs.c.id, t.stages.c.done > 0)
        unfinished = select(t.jobs.c.id).where(t.jobs.c.state.not_in(ENDED_JOBS), begun)
        recent = select(t.jobs.c.id).order_by(t.jobs.c.finished_at.desc()).limit(_RECENT)
        with self._engine.connect().execution_options(reading=True) as connection:
            found = {
                *connection.execute(unfinished).scalars(),
                *connection.execute(recent).scalars(),
            }
        return sorted(found)

    def places(self, job_id: int) -> list[Path]:
        """Where a job's files are. Reads the database, so call it outside the event loop."""
        with self._engine.connect().execution_options(reading=True) as connection:
            return self._outputs.places(connection, job_id)

    async def remove(self, places: list[Path]) -> None:
        """Remove files from where people look."""
        if not places:
            return
        remove = partial(self._outputs.remove, places)
        await asyncio.get_running_loop().run_in_executor(self._porter, remove)

    def forget(self, job_id: int) -> None:
        """A job was deleted: another may get its number's folder."""
        self._folders.pop(job_id, None)
