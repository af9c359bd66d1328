"""People who take single leases back from workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .pastime import Pastime

if TYPE_CHECKING:
    from .world import World

RECALLING = 0.25
"""Of the seeds, those in which anybody takes leases back."""

THINKING_S = 15.0
GONE = 0.1
"""Of the leases taken back, those that have ended: somebody looked at an old list."""


class Recalling(Pastime):
    """Takes leases back, of the real API.

    Args:
        world: Where.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world, "taken back", share=RECALLING, every_s=THINKING_S)

    def act(self) -> None:
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
