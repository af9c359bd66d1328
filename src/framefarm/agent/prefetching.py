"""Fetching a job's files before its first lease, so that this begins at once.

One order at a time: what leases need now is not to wait for what others may need later.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from framefarm.agent.errors import FetchError
from framefarm.agent.scene_files import scene_at_hand
from framefarm.core.tree_paths import TreePathError
from framefarm.protocol.messages import GotFiles, Prefetch
from framefarm.protocol.trees import TreeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from framefarm.agent.cache import BlobCache
    from framefarm.agent.journal import Journal
    from framefarm.agent.sources import SourceFiles
    from framefarm.agent.trees import Trees
    from framefarm.protocol.messages import Report

MOST_WAITING = 64
"""Orders that wait; further ones are answered at once, with no."""


class Prefetcher:
    """Does what `prefetch` orders say. All of it belongs to one event loop.

    Args:
        cache, trees, sources: Where files are, or come to.
        report: Sends reports to the manager.
        journal: For what is worth knowing.
    """

    def __init__(
        self,
        cache: BlobCache,
        trees: Trees,
        sources: SourceFiles,
        *,
        report: Callable[[Report], None],
        journal: Journal,
    ) -> None:
        self._cache = cache
        self._trees = trees
        self._sources = sources
        self._report = report
        self._journal = journal
        self._turn = asyncio.Lock()
        self._tasks: dict[Prefetch, asyncio.Task[None]] = {}

    def fetch(self, order: Prefetch) -> None:
        """Fetch a job's files in the background, and say when they are here."""
        if order in self._tasks:
            return  # it is answered when they are here
        if len(self._tasks) >= MOST_WAITING:
            self._report(GotFiles(order.job, ok=False, message="it fetches too much already"))
            return
        task = self._tasks[order] = asyncio.create_task(self._fetch(order))
        task.add_done_callback(lambda _: self._tasks.pop(order, None))

    async def close(self) -> None:
        """Fetch nothing more; what came so far is gone on from the next time."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, order: Prefetch) -> None:
        try:
            async with (
                self._turn,
                scene_at_hand(self._sources, self._cache, self._trees, order.scene, _unheard),
            ):
                pass
        except (FetchError, TreeError, TreePathError, OSError) as error:
            self._journal.warning("files not fetched ahead", job=order.job, reason=str(error))
            self._report(GotFiles(order.job, ok=False, message=str(error)))
        else:
            self._journal.info("files fetched ahead", job=order.job)
            self._report(GotFiles(order.job))


def _unheard(_have_bytes: int, _of_bytes: int) -> None:
    """Nobody waits for it."""
