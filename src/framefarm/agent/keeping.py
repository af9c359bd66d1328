"""What happens to a unit's output after its slot went on: stored, delivered, put to use."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from framefarm.agent.disk import is_full
from framefarm.agent.errors import OutboxError
from framefarm.agent.events import ResultKept, ResultLost
from framefarm.agent.outbox import WORTH_KEEPING_S
from framefarm.agent.work import no_more_files

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor as Pool
    from typing import Any

    from framefarm.agent.cache import BlobCache
    from framefarm.agent.events import Event, Owed
    from framefarm.agent.journal import Journal
    from framefarm.agent.outbox import Outbox
    from framefarm.agent.work import Outcome, UnitWork
    from framefarm.agent.workdirs import WorkDirs

ROOM_EVERY_S = 2.0
"""How often it is tried again to store a result while the disk is full."""

_USED_LATER = frozenset({"image", "segment"})
"""Roles that later stages may ask for: movies are made of images, and joined from segments."""


class Keeper:
    """Moves output from work directories to the outbox, and from there to the cache.

    Args:
        outbox, cache, workdirs: Where things lie.
        pool: Threads of low priority.
        tell: Takes the events.
        journal: For what went wrong.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        cache: BlobCache,
        workdirs: WorkDirs,
        pool: Pool,
        tell: Callable[[Event], None],
        journal: Journal,
    ) -> None:
        self._outbox = outbox
        self._cache = cache
        self._workdirs = workdirs
        self._pool = pool
        self._tell = tell
        self._journal = journal
        self._tasks: set[asyncio.Task[None]] = set()

    def keep(self, work: UnitWork, outcome: Outcome) -> None:
        """Store a finished unit's output durably; answered by `ResultKept` or `ResultLost`."""
        if _is_light(outcome):
            # Two switches of threads would cost more than everything else about such a unit.
            event = self._kept(work, outcome)
            assert event is not None, "nothing was written that could fill a disk"
            asyncio.get_running_loop().call_soon(self._tell, event)
        else:
            self._begin(self._keep_in_thread(work, outcome))

    def discard(self, work: UnitWork) -> None:
        """Delete a unit's work directory."""
        self._begin(self._in_pool(self._workdirs.remove, work))

    def drop(self, entry: str, *, useful: bool) -> None:
        """Take an entry out of the outbox; useful files go to the cache."""
        self._begin(self._drop(entry, useful=useful))

    async def close(self, within_s: float) -> None:
        """Wait for what has begun, nearly all of which is short, and leave what is not."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=within_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _keep_in_thread(self, work: UnitWork, outcome: Outcome) -> None:
        while (event := await self._completed(work, outcome)) is None:
            # It was rendered: it waits in its work directory until the disk has room (L6).
            self._journal.warning("the disk is full; a result waits for room", unit=work.unit)
            await asyncio.sleep(ROOM_EVERY_S)
        self._tell(event)

    async def _completed(self, work: UnitWork, outcome: Outcome) -> Event | None:
        """Make the rest of a result's files and store them all; None when the disk is full."""
        try:
            files = (*outcome.files, *await outcome.later())
        except Exception as error:  # noqa: BLE001 - the unit fails, the agent goes on
            return self._not_kept(work, error)
        whole = replace(outcome, files=files)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._kept, work, whole)

    def _kept(self, work: UnitWork, outcome: Outcome) -> Event | None:
        try:
            return ResultKept(self._store(work, outcome))
        except Exception as error:  # noqa: BLE001 - the unit fails, the agent goes on
            return self._not_kept(work, error)

    def _not_kept(self, work: UnitWork, error: Exception) -> Event | None:
        """What it means that a result could not be stored; None when it may be tried again."""
        if isinstance(error, OutboxError | OSError):
            return None if is_full(error) else ResultLost(work, str(error))
        self._journal.error("a result could not be stored", unit=work.unit, exc_info=error)
        return ResultLost(work, f"the worker failed: {type(error).__name__}: {error}")

    def _store(self, work: UnitWork, outcome: Outcome) -> Owed:
        owed = self._outbox.keep(work, outcome.files, outcome.facts)
        self._workdirs.remove(work)
        return owed

    async def _drop(self, entry: str, *, useful: bool) -> None:
        if useful:
            with contextlib.suppress(OutboxError, OSError):
                await self._adopt(entry)
        await self._in_pool(self._outbox.drop, entry)

    async def _adopt(self, entry: str) -> None:
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self._pool, self._outbox.release, entry)
        for file, path in zip(result.receipt.manifest.files, result.paths, strict=True):
            if file.role in _USED_LATER:
                self._cache.adopt(path, file.sha256, file.size_bytes)

    async def _in_pool(self, work: Callable[..., None], *arguments: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_light(outcome: Outcome) -> bool:
    """Whether storing a result touches no disk; see `framefarm.agent.outbox`."""
    nothing = not outcome.files and outcome.later is no_more_files
    return nothing and outcome.facts.seconds < WORTH_KEEPING_S
