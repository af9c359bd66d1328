"""Movies: encoding their segments and joining them, in a process of the slot's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from framefarm.agent.executors.blame import memory_kill_count, unit_failed
from framefarm.agent.executors.contract import Progress, SlotResources
from framefarm.agent.executors.holding import Holder
from framefarm.agent.executors.inputs import inputs_at_hand
from framefarm.agent.executors.movies import JOB_OF_KIND
from framefarm.agent.machine import memory_bytes
from framefarm.agent.work import Outcome
from framefarm.media.warm import WarmEncoder
from framefarm.processes.errors import ChildError
from framefarm.processes.threadpool import NICENESS
from framefarm.protocol.messages import UnitFacts

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from framefarm.agent.executors.movies import MediaJob
    from framefarm.agent.work import UnitWork
    from framefarm.media.warm import Encoded

StartEncoder = Callable[[None], "Awaitable[WarmEncoder]"]


class MediaExecutor:
    """Makes the units of `movie` and `join` stages: a segment, and the movie.

    One for both: the process that encoded a movie's last segment is still warm to join it.

    Args:
        resources: What the slot may use.
    """

    def __init__(self, resources: SlotResources) -> None:
        self._resources = resources
        settings = resources.settings
        self._holder = Holder(
            _starter(resources),
            idle_s=settings.idle_s,
            max_bytes=(settings.memory_bytes or memory_bytes()) * 3 // 4,
        )
        self._busy = asyncio.Lock()

    @property
    def warm(self) -> str | None:
        """It holds no .blend."""
        return None

    async def run(self, work: UnitWork, workdir: Path, progress: Progress) -> Outcome:
        """Fetch what the unit is made of and make it; see `Executor.run`."""
        job = JOB_OF_KIND[work.kind](work, workdir, threads=self._resources.threads)
        began = time.monotonic()
        async with (
            self._busy,
            inputs_at_hand(self._resources.cache, work.inputs, progress) as inputs,
        ):
            made = await self._make(job, work, inputs, progress)
        job.check(made.frames)
        facts = UnitFacts(
            seconds=time.monotonic() - began,
            peak_memory_bytes=made.peak_bytes,
            device="CPU",
            extra=job.told(made.frames),
        )
        return Outcome((job.file,), facts)

    async def prepare(self) -> None:
        """Nothing: a first segment takes a while to come, and a job may have no movie at all."""

    async def upkeep(self) -> None:
        """End the encoder when it was idle too long or grew too large."""
        if not self._busy.locked():
            await self._holder.renew_if_spent()

    async def close(self) -> None:
        """Kill the encoder; there is nothing in it to save."""
        await self._holder.kill()

    async def _make(
        self, job: MediaJob, work: UnitWork, inputs: list[Path], progress: Progress
    ) -> Encoded:
        total = job.total(inputs)

        def tell(done: int) -> None:
            progress(done, total, job.phase)

        tell(0)
        kills = memory_kill_count()
        try:
            encoder = await self._holder.get(None)
            made = await job.make(encoder, inputs, on_frame=tell, stall_s=work.stall_s)
        except ChildError as error:
            raise unit_failed(error, memory_kills=memory_kill_count() - kills) from error
        except asyncio.CancelledError:
            # Whatever it was doing, nobody waits for it.
            await self._holder.kill()
            raise
        tell(made.frames)
        return made


def _starter(resources: SlotResources) -> StartEncoder:
    limits = resources.limits
    # It gives way to renders also where nobody limited anything.
    gentle = replace(limits, niceness=limits.niceness + NICENESS)

    async def start(_: None) -> WarmEncoder:
        return await WarmEncoder.start(scratch_dir=resources.scratch_dir, limits=gentle)

    return start
