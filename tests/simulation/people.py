"""People: they submit jobs, and change their minds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from framefarm.core.errors import FrameFarmError

from .farmwork import draw_job, draw_nature

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

    from .world import World

MOST_JOBS = 12


class People:
    """Everyone who uses the farm.

    Args:
        world: Where.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng: random.Random = world.rng
        self.jobs: list[int] = []
        self.troublesome = self._rng.random() < 0.5

    async def live(self) -> None:
        """Do something now and then, for ever."""
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / 25.0))
            choice = self._rng.random()
            if choice < 0.45 and len(self.jobs) < MOST_JOBS:
                self.do(self.submit)
            elif self.jobs and self.troublesome:
                self.do(self._rng.choice((self._cancel, self._retry)))

    def do(self, what: Callable[[Farm], Any]) -> None:
        """Ask the manager for something, if one is there."""
        process, farm = self._world.manager.process, self._world.manager.farm
        if process is not None and farm is not None:
            process.run(self._ask(farm, what))

    async def _ask(self, farm: Farm, what: Callable[[Farm], Any]) -> None:
        try:
            await what(farm)
        except FrameFarmError as error:
            self._world.trace("people", "are told: %s", error)

    async def submit(self, farm: Farm) -> None:
        """Submit a new job."""
        world = self._world
        nature = draw_nature(self._rng, trouble=self._rng.random() < 0.25)
        world.natures.append(nature)
        number = len(world.natures) - 1
        view, _ = await farm.submit(draw_job(self._rng, number, nature))
        self.jobs.append(view.id)
        world.trace("people", "submitted job %d: %s", view.id, nature)

    async def _cancel(self, farm: Farm) -> None:
        job = self._rng.choice(self.jobs)
        self._world.excuse_job(job, "a job cancelled")
        await farm.cancel(job)
        self._world.trace("people", "cancelled job %d", job)

    async def _retry(self, farm: Farm) -> None:
        job = self._rng.choice(self.jobs)
        await farm.retry(job)
        self._world.trace("people", "retried job %d", job)
