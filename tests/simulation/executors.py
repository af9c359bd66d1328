"""What makes units in a simulated slot: time passes, and some go wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from framefarm.agent.errors import UnitFailedError
from framefarm.agent.executors.contract import Progress, Unprepared
from framefarm.agent.instructions import Instruction
from framefarm.agent.work import Outcome, ProducedFile, UnitWork
from framefarm.protocol.messages import UnitFacts

from .disk import MAIN_FILE
from .farmwork import AWAY, MOVIE, Nature, nature_of

if TYPE_CHECKING:
    from .workers import Machine

LATER_STAGES_S = 2.0
TOLD_EVERY_S = 15.0


class Watcher(Protocol):
    """Told what happens on workers."""

    def performs(self, machine: Machine, instruction: Instruction) -> None:
        """An agent does what it decided."""

    def goes_wrong(self, machine: Machine, work: UnitWork, why: str) -> None:
        """A unit does not come out well this time, because the simulation wants it so."""

    def loses_process(self, machine: Machine, why: str) -> None:
        """A process ends, and with it what it has not stored."""

    def surprised(self, machine: Machine, what: str) -> None:
        """Something happened that nobody thought of."""


class SimulatedExecutor(Unprepared):
    """Makes units of every kind.

    Args:
        machine: Where.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._warm: str | None = None

    @property
    def warm(self) -> str | None:
        return self._warm

    async def run(self, work: UnitWork, _: Path, progress: Progress) -> Outcome:
        machine, number = self._machine, nature_of(work.settings)
        nature = machine.natures[number]
        first = work.kind in {"trial", "render"}
        if work.kind == "render":
            self._warm = f"{number:064x}"
        seconds = (nature.seconds if first else LATER_STAGES_S) * machine.slowness
        seconds *= machine.rng.uniform(0.7, 1.4)
        if first:
            await self._trouble(work, nature, seconds, progress)
        await _pass_time(seconds, progress)
        if machine.rng.random() < machine.failing:
            machine.watcher.goes_wrong(machine, work, "the worker is bad")
            raise UnitFailedError("error", "this worker is bad")
        return _outcome(work, nature, seconds)

    async def _trouble(
        self, work: UnitWork, nature: Nature, seconds: float, progress: Progress
    ) -> None:
        machine = self._machine
        if work.unit in nature.killers:
            await _pass_time(seconds / 2, progress)
            machine.timeline.outside(0.0, machine.kill, f"unit {work.unit} kills it")
            await asyncio.sleep(1e9)
        if work.unit in nature.hanging:
            nature.hanging.discard(work.unit)
            machine.watcher.goes_wrong(machine, work, "it hangs")
            await self._hang(work, nature)
        if machine.timeline.time() < nature.away_until:
            await asyncio.sleep(seconds / 2)
            machine.watcher.goes_wrong(machine, work, "what it needs is away")
            raise UnitFailedError("error", AWAY)
        for units, reason in ((nature.bad, "error"), (nature.refused, "refused")):
            if work.unit in units:
                await _pass_time(seconds / 2, progress)
                machine.watcher.goes_wrong(machine, work, "the unit is bad")
                raise UnitFailedError(reason, "this unit is bad")  # type: ignore[arg-type]

    async def _hang(self, work: UnitWork, nature: Nature) -> None:
        hanging, what = self._machine.hanging, (work.stage, work.unit, nature.seconds)
        hanging[what] = self._machine.timeline.time()
        try:
            await asyncio.sleep(1e9)
        finally:
            del hanging[what]


async def _pass_time(seconds: float, progress: Progress) -> None:
    left = seconds
    while left > 0:
        progress(int(seconds - left), int(seconds), "rendering")
        await asyncio.sleep(min(left, TOLD_EVERY_S))
        left -= TOLD_EVERY_S


def _outcome(work: UnitWork, nature: Nature, seconds: float) -> Outcome:
    facts = UnitFacts(seconds=seconds, device="CPU", blender="5.0.1")
    if not nature.has_files:
        return Outcome(facts=facts)
    role = MAIN_FILE[work.kind]
    name = MOVIE if role == "movie" else f"{work.stage}-{work.unit}.bin"
    return Outcome((ProducedFile(Path(name), name, role),), facts)  # type: ignore[arg-type]
