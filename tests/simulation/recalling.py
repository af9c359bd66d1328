"""People who take single leases back from workers."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .world import World

RECALLING = 0.25
"""Of the seeds, those in which anybody takes leases back."""

THINKING_S = 15.0
GONE = 0.1
"""Of the leases taken back, those that have ended: somebody looked at an old list."""


class Recalling:
    """Takes leases back, of the real API.

    It draws from a source of its own: in seeds in which nobody does, all else is as it was.

    Args:
        world: Where.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = random.Random(f"taken back of {world.seed}")
        self._recalls = self._rng.random() < RECALLING

    async def live(self) -> None:
        """Do something now and then, for ever, where anybody does."""
        while self._recalls:
            await asyncio.sleep(self._rng.expovariate(1 / THINKING_S))
            self.take_back()

    def take_back(self) -> None:
        """Take any lease from its worker."""
        query = _ENDED if self._rng.random() < GONE else _ACTIVE
        there = self._world.database.ask(query)
        if not there:
            return
        lease, worker = self._rng.choice(there)
        for machine in self._world.machines:
            if machine.worker_id == worker:
                self._world.ledger.gives_back_lease(machine, lease, "a lease taken back")
        self._world.people.ask("DELETE", f"/api/leases/{lease}")


_ACTIVE = "SELECT id, worker_id FROM leases WHERE state = 'active' ORDER BY id"
_ENDED = "SELECT id, worker_id FROM leases WHERE state = 'ended' ORDER BY id"
