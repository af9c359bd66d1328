"""Asking workers how they are at this moment (the order `query`)."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from framefarm.farm.roster import Link
from framefarm.protocol.messages import Query

ANSWERS_IN_S = 2.0
"""How long a worker has to answer; measuring takes it milliseconds, so more only hides that it is
gone."""


class LiveFacts:
    """Asks connected workers for their facts. Used from the manager's event loop only."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    async def ask(self, link: Link, *, within_s: float = ANSWERS_IN_S) -> bool:
        """Have a worker tell its facts anew; whether they are stored now."""
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting[link.worker_id]
        waiting.add(answered)
        try:
            if len(waiting) == 1:
                await link.send([Query()])
            await asyncio.wait_for(answered, within_s)
        except TimeoutError:
            return False
        finally:
            waiting.discard(answered)
            if not waiting:
                self._waiting.pop(link.worker_id, None)
        return True

    def told(self, worker_id: str) -> None:
        """A worker's facts came and are stored."""
        for answered in self._waiting.get(worker_id, ()):
            if not answered.done():
                answered.set_result(None)
