"""The manager's machine: one manager after the other over the same database and the same blobs."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest import mock

from framefarm.core.errors import FrameFarmError
from framefarm.farm import service
from framefarm.farm.live_workers import LiveWorkers
from framefarm.farm.news import News
from framefarm.farm.service import Farm
from framefarm.farm.settings import ManagerSettings

from .blobs import Blobs
from .database import Database
from .network import ManagerEnd, Response
from .serving import answer, present, talk
from .shortcuts import Shortcuts, SimulatedDispatcher
from .timeline import Process, Timeline
from .trace import Trace
from .writer import SimulatedWriter


class NoDelivery:
    """Placing finished files where people look is not simulated."""

    def __init__(self, *_: object) -> None:
        """Nothing is needed for that."""

    def soon(self, *_: object) -> None:
        """Nothing is placed."""

    close = forget = soon

    async def leftovers(self, *_: object) -> None:
        """Nothing was left."""

    all_of = remove = leftovers


class NoNotifying:
    """Nobody is told anything, so nothing is looked for that could be."""

    def __init__(self, _: object) -> None:
        """Nothing is needed for that."""

    def job_ended(self, _: int) -> None:
        """Nobody waits for it."""

    def wake(self) -> None:
        """There is nothing to do."""

    async def run(self) -> None:
        """It is done."""


class NoUploads:
    """Jobs here have no files that anybody would have to upload."""

    def __init__(self, _: object) -> None:
        """Nothing is needed for that."""

    async def tidy(self) -> None:
        """Nothing is left over."""


class SimulatedWorkers(LiveWorkers):
    """The real one, less asking for what cannot have changed.

    Args:
        farm: Whose workers.
        shortcuts: Know whether it can.
    """

    def __init__(self, farm: Farm, shortcuts: Shortcuts) -> None:
        super().__init__(farm)
        self._shortcuts = shortcuts
        self._known_bars: object = None

    async def refresh_bars(self) -> None:
        there = self._shortcuts.bars_moved()
        if there != self._known_bars:
            await super().refresh_bars()
            self._known_bars = there


class SimulatedFarm(Farm):
    """The real farm, less what it shows to people."""

    watch: Callable[[News], None]

    async def spread(self, news: News) -> None:
        self.watch(news)
        await super().spread(news)

    async def _tell(self, *_: object) -> None:
        """Nobody follows a job here."""


class Incarnation:
    """One manager process, from its start to its end."""

    def __init__(self, machine: ManagerMachine, process: Process) -> None:
        self.process = process
        self._machine = machine
        self.shortcuts = Shortcuts(machine.database)
        self.farm: SimulatedFarm

    async def begin(self) -> None:
        """Open the database and begin to serve."""
        with self._machine.parts(self):
            self.farm = SimulatedFarm(self._machine.settings)
        self.farm.watch = self._machine.on_news
        present(self.farm)
        await self.farm.start()

    def commit_s(self) -> float:
        return self._machine.rng.uniform(0.001, 0.01)

    def committed(self) -> None:
        if self.process.alive:
            self._machine.on_commit()


class ManagerMachine:
    """Starts managers, kills them, and passes on what the network brings.

    Args:
        settings: Of every manager.
        database: What they share.
        timeline, rng, trace: Of the simulation.
    """

    def __init__(
        self,
        settings: ManagerSettings,
        database: Database,
        timeline: Timeline,
        rng: random.Random,
        trace: Trace,
    ) -> None:
        self.settings = settings
        self.database = database
        self.timeline = timeline
        self.rng = rng
        self.trace = trace
        self.blobs = Blobs()
        self.life: Incarnation | None = None
        self.serving = False
        self.on_news: Callable[[News], None] = lambda _: None
        self.on_commit: Callable[[], None] = lambda: None
        self.notifying: Callable[[Farm], Any] = NoNotifying
        self.on_start: Callable[[], None] = lambda: None
        self.on_death: Callable[[], None] = lambda: None
        database.on_crash = partial(self.kill, "in the middle of a statement")

    @property
    def process(self) -> Process | None:
        """The process that listens now, None when none does."""
        return self.life.process if self.life is not None and self.serving else None

    @property
    def farm(self) -> SimulatedFarm | None:
        """The farm that serves now."""
        return self.life.farm if self.life is not None and self.serving else None

    def start(self) -> None:
        """Start a manager; it serves a moment later."""
        self.trace("manager", "starts")
        self.database.arm(crashed=False)
        process = Process(self.timeline, "manager")
        self.life = Incarnation(self, process)
        process.run(self._begin(self.life))

    async def _begin(self, life: Incarnation) -> None:
        try:
            await life.begin()
        except FrameFarmError as error:
            # What a service manager does with one that did not start: it tries again.
            self.trace("manager", "cannot start: %s", error)
            self.kill("could not start")
            self.timeline.call_later(1.0, self.start)
        else:
            self.serving = True
            self.on_start()
            self.trace("manager", "serves, epoch %s", life.farm.epoch[:6])

    def kill(self, why: str) -> None:
        """SIGKILL."""
        if self.life is None:
            return
        self.trace("manager", "dies: %s", why)
        self.life.process.kill()
        self.life, self.serving = None, False
        self.on_death()

    @property
    def awake(self) -> bool:
        """Whether one serves and is not stopped by a signal."""
        return self.process is not None and not self.process.frozen

    def freeze(self) -> None:
        """SIGSTOP."""
        if self.process is not None:
            self.trace("manager", "stands still")
            self.process.freeze()

    def thaw(self) -> None:
        """SIGCONT."""
        if self.process is not None and self.process.frozen:
            self.trace("manager", "goes on")
            self.process.thaw()

    async def stop(self) -> None:
        """Stop it as an operator does."""
        life, self.serving = self.life, False
        if life is not None:
            await life.farm.stop()
            life.process.kill()
            self.life = None
            self.trace("manager", "stopped")
            self.on_death()

    def serve(self, end: ManagerEnd) -> None:
        """Talk to a worker."""
        assert self.life is not None
        self.life.process.run(talk(end))

    async def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> Response:
        """Answer a request as the API does."""
        return await answer(method, path, headers, body)

    @contextlib.contextmanager
    def parts(self, life: Incarnation) -> Iterator[None]:
        """Let a farm that is made inside be made of simulated parts."""
        with contextlib.ExitStack() as stack:
            for name, part in {
                "open_engine": lambda _: self.database.engine,
                "migrate": lambda _: None,
                "Delivery": NoDelivery,
                "LiveWorkers": partial(SimulatedWorkers, shortcuts=life.shortcuts),
                "Uploads": NoUploads,
                "Notifying": self.notifying,
                "BlobFolder": lambda *_, **__: self.blobs,
                "GroupCommitWriter": partial(SimulatedWriter, life=life),
                "Dispatcher": partial(
                    SimulatedDispatcher,
                    database=self.database,
                    timeline=self.timeline,
                    shortcuts=life.shortcuts,
                ),
            }.items():
                stack.enter_context(mock.patch.object(service, name, part))
            yield
