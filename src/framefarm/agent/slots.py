"""A slot: runs one unit at a time, tells how it ended, and can be stopped at any moment."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from framefarm.agent.errors import UnitFailedError
from framefarm.agent.events import UnitAborted, UnitFailed, UnitRendered
from framefarm.protocol.messages import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from framefarm.agent.events import Event
    from framefarm.agent.executors.contract import Executor
    from framefarm.agent.journal import Journal
    from framefarm.agent.work import UnitWork
    from framefarm.agent.workdirs import WorkDirs

EXECUTOR_FIRST_S = 2.0
"""An executor that watches for the same by itself knows more of what was wrong."""

PROGRESS_EVERY_S = 0.5
PHASE_EVERY_S = 0.1
"""Twice a second looks alive; a thousand slots then send 2,000 small reports a second."""


class Slot:
    """One slot of the agent.

    Args:
        name: Its name.
        executors: By kind.
        workdirs: Where units work.
        tell: Takes the events.
        report: Takes progress reports.
        journal: Bound to the slot.
        full: Whether the disk has no room for a unit.
        memory_bytes: How much a unit may take, 0 when unknown.
        clock: Monotonic seconds.

    Attributes:
        stall_s: A unit without progress for this long is killed (L10), unless its lease says
            another time.
    """

    def __init__(
        self,
        name: str,
        executors: Mapping[str, Executor],
        *,
        workdirs: WorkDirs,
        tell: Callable[[Event], None],
        report: Callable[[Progress], None],
        journal: Journal,
        full: Callable[[], bool] = lambda: False,
        memory_bytes: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.stall_s = 300.0
        self._executors = executors
        self._each = tuple(dict.fromkeys(executors.values()))
        self._workdirs = workdirs
        self._tell = tell
        self._report = report
        self._journal = journal
        self._full = full
        self._memory_bytes = memory_bytes
        self._clock = clock
        self._task: asyncio.Task[Event] | None = None
        self._heard_at = 0.0
        self._limit_s = self.stall_s
        self._told_at = float("-inf")
        self._stalled = False
        self._preparing: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Let the executors get ready in the background."""
        self._preparing = asyncio.create_task(self._prepare())

    def start(self, work: UnitWork) -> None:
        """Begin a unit. The slot must be free."""
        self._heard_at = self._clock()
        self._limit_s = self.stall_s if work.stall_s is None else work.stall_s
        self._stalled = False
        self._task = asyncio.create_task(self._ending(work))
        # Not at the end of the task: one that is cancelled before it began never gets there.
        self._task.add_done_callback(lambda task: self._ended(work, task))

    def abort(self) -> None:
        """Stop the unit in work; it ends as one of the unit events."""
        if self._task is not None:
            self._task.cancel()

    async def upkeep(self) -> None:
        """To be called about once a second: kills a stalled unit, or lets executors tidy up."""
        if self._task is not None:
            silent_s = self._clock() - self._heard_at
            patience_s = self._limit_s + min(self._limit_s, EXECUTOR_FIRST_S)
            if silent_s > patience_s and not self._stalled:
                self._stalled = True
                self._task.cancel()
            return
        for executor in self._each:
            await executor.upkeep()

    async def close(self) -> None:
        """Stop what is in work, and end everything the executors started."""
        tasks: tuple[asyncio.Task[Any] | None, ...] = (self._task, self._preparing)
        running = [task for task in tasks if task is not None]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        for executor in self._each:
            await executor.close()

    async def _prepare(self) -> None:
        for executor in self._each:
            await executor.prepare()

    def _ended(self, work: UnitWork, task: asyncio.Task[Event]) -> None:
        self._task = None
        self._tell(self._stopped(work) if task.cancelled() else task.result())

    async def _ending(self, work: UnitWork) -> Event:
        executor = self._executors.get(work.kind)
        if executor is None:
            return UnitFailed(work, "error", f"slot {self.name} does not make {work.kind} units")
        try:
            workdir = await self._workdirs.create(work)
            limited = replace(work, stall_s=self._limit_s)
            outcome = await executor.run(limited, workdir, self._progress_of(work))
            return UnitRendered(work, outcome, self._warm())
        except UnitFailedError as error:
            return self._failed(work, error)
        except asyncio.CancelledError:
            return self._stopped(work)
        except Exception as error:  # noqa: BLE001 - a fault of one unit must not end the agent
            self._journal.exception("unit failed in a way nobody thought of", unit=work.unit)
            message = f"the worker failed: {type(error).__name__}: {error}"
            return self._failed(work, UnitFailedError("error", message))

    def _failed(self, work: UnitWork, error: UnitFailedError) -> Event:
        return UnitFailed(
            work,
            error.reason,
            str(error),
            error.log_tail,
            warm=self._warm(),
            peak_memory_bytes=error.peak_memory_bytes,
            memory_bytes=self._memory_bytes if error.of_slot_memory else 0,
            # Who filled the disk itself is not let off for that.
            no_room=error.reason != "disk" and self._full(),
        )

    def _stopped(self, work: UnitWork) -> Event:
        if not self._stalled:
            return UnitAborted(work, self._warm())
        message = f"no progress for {self._limit_s:g} s; the unit was stopped"
        return self._failed(work, UnitFailedError("stalled", message))

    def _warm(self) -> str | None:
        return next((e.warm for e in self._executors.values() if e.warm), None)

    def _progress_of(self, work: UnitWork) -> Callable[[int, int, str], None]:
        told_phase: str | None = None

        def progress(done: int, total: int, phase: str) -> None:
            nonlocal told_phase
            self._heard_at = now = self._clock()
            # Another frame or phase is what people watch for; more of the same can wait.
            pause_s = PROGRESS_EVERY_S if phase == told_phase else PHASE_EVERY_S
            if now - self._told_at >= pause_s:
                self._told_at, told_phase = now, phase
                self._report(Progress(work.lease, work.unit, done, total, phase))

        return progress
