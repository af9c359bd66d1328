"""What is looked after while an agent works: its disk, its hours, its facts, stalled units."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from framefarm.agent.assembly import disk_low
from framefarm.agent.events import DiskChanged, FactsMoved, RestChanged
from framefarm.agent.gpus import gpu_facts, gpus_of, system_gpus
from framefarm.agent.probing import working_devices
from framefarm.agent.resting import RestWatch
from framefarm.agent.state import at_rest
from framefarm.processes.errors import ChildError

if TYPE_CHECKING:
    from collections.abc import Callable

    from framefarm.agent.events import Event
    from framefarm.agent.journal import Journal
    from framefarm.agent.parts import Parts, Performer
    from framefarm.agent.probing import DeviceProber, Findings
    from framefarm.agent.state import AgentState

EVERY_S = 1.0
FACTS_EVERY_S = 60.0
PROBE_WITHIN_S = 60.0
"""A worker that never rests tries its devices beside its work after so long."""


class Upkeep:
    """Looks about once a second, and tells what changed.

    Args:
        parts: The agent's.
        performer: Knows what the manager was told.
        state: The agent's, as it is now.
        tell: Takes the events.
        prober: Tries the devices; None to leave that out.
        journal: The agent's.
    """

    def __init__(
        self,
        parts: Parts,
        performer: Performer,
        *,
        state: Callable[[], AgentState],
        tell: Callable[[Event], None],
        prober: DeviceProber | None,
        journal: Journal,
    ) -> None:
        self._parts = parts
        self._performer = performer
        self._state = state
        self._tell = tell
        self._prober = prober
        self._journal = journal
        self._rest = RestWatch(parts.settings)
        self._facts_at = time.monotonic()

    async def begin(self) -> None:
        """Look before anything is asked for."""
        self._look_at_disk()
        await self._look_at_rest()

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._probe())
            while True:
                await asyncio.sleep(EVERY_S)
                await self.begin()
                await self._look_at_facts()
                for slot in self._parts.slots.values():
                    await slot.upkeep()
                await self._parts.thumbnails.upkeep()

    def _look_at_disk(self) -> None:
        was_low, settings = self._state().disk_low, self._parts.settings
        if disk_low(settings):
            # What can be fetched again goes before work stops.
            self._parts.cache.make_room()
        low = disk_low(settings, was_low=was_low)
        if low != was_low:
            self._journal.warning("disk", low=low, reserve=settings.disk_reserve_bytes)
            self._tell(DiskChanged(low))

    async def _look_at_rest(self) -> None:
        reason = await self._rest.reason()
        if reason != self._state().resting:
            self._journal.info("resting" if reason else "working again", reason=reason)
            self._tell(RestChanged(reason))

    async def _look_at_facts(self) -> None:
        if time.monotonic() - self._facts_at < FACTS_EVERY_S:
            return
        self._facts_at = time.monotonic()
        await asyncio.to_thread(self._parts.machine.look)
        if self._performer.facts_changed():
            self._tell(FactsMoved())

    async def _probe(self) -> None:
        if self._prober is None:
            return
        await self._wait_for_rest()
        try:
            found = await self._prober.probe()
        except (ChildError, OSError) as error:
            self._journal.warning("devices could not be tried", reason=str(error))
            return
        await self._put(found)
        self._tell(FactsMoved())

    async def _wait_for_rest(self) -> None:
        # Not while somebody uses the machine either: a GPU's program may take minutes to compile.
        while self._state().resting:  # noqa: ASYNC110
            await asyncio.sleep(EVERY_S)
        until = time.monotonic() + PROBE_WITHIN_S
        while not at_rest(self._state()) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(EVERY_S)

    async def _put(self, found: Findings) -> None:
        machine = self._parts.machine
        gpus = gpus_of(found.devices, await asyncio.to_thread(system_gpus))
        machine.gpus = gpu_facts(gpus, found.works)
        machine.devices = working_devices(found)
