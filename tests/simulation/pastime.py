"""What people do now and then, in some of the seeds."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .world import World


class Pastime:
    """Does something now and then.

    It draws from a source of its own: in seeds in which nobody does, all else is as it was.

    Args:
        world: Where.
        name: Of the source.
        share: Of the seeds, those in which anybody does it.
        every_s: How long they think about it, on average.
    """

    def __init__(self, world: World, name: str, *, share: float, every_s: float) -> None:
        self._world = world
        self._rng = random.Random(f"{name} of {world.seed}")
        self._every_s = every_s
        self._anybody = self._rng.random() < share

    async def live(self) -> None:
        """Do it now and then, for ever, where anybody does."""
        while self._anybody:
            await asyncio.sleep(self._rng.expovariate(1 / self._every_s))
            self.act()

    def act(self) -> None:
        """Do it once."""
        raise NotImplementedError
