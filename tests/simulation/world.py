"""One simulated farm, from its seed to its verdict."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from framefarm.core.blame import BlameLimits
from framefarm.db import DatabaseError
from framefarm.farm.settings import ManagerSettings

from .asking import Asking
from .blobs import any_picture
from .clock import DatabaseClock
from .database import Database, SimulatedCrashError
from .ending import calm, until_all_ended
from .farmwork import LONG, Nature
from .faults import Fault, draw_chances, draw_faults
from .hermetic import sealed, uncollected
from .ledger import Ledger
from .looks import LEASE_S, LOOK_EVERY_S, Looks
from .manager import ManagerMachine
from .network import Cable
from .people import People
from .post import Post, PostedNotifying
from .quotas import Admin
from .recalling import Recalling
from .stale import checked_failures
from .timeline import Process, Timeline
from .trace import Trace
from .verdict import Verdict
from .workers import Machine, simulated_agents

SHORT_MINUTES = 3.0
"""Of faults in a seed; long enough for leases to expire twice."""

STALLS_S = (300.0, 60.0)
"""How long a unit may show no progress, in even and odd seeds: the short time is over while the
faults still happen (L10)."""

BAD_MACHINES = 0.25
"""Of the seeds, those with a machine that fails half of its units of a long job. Quarantines are
short there, so that it is tried again before the job ends (L9)."""

AWAY_FOR_A_WHILE = 0.25
"""Of the seeds, those with a long job of which everything fails until what it needs is back. It is
held meanwhile, and has to go on with nobody resuming it (L9)."""


class World:
    """Everything of one simulation.

    Args:
        seed: Decides all.
        listener: Hears the trace as it grows.
    """

    def __init__(self, seed: int, listener: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.timeline = Timeline()
        self.timeline.set_exception_handler(self._unexpected)
        now = self.timeline.time
        self.trace = Trace(now, listener)
        self.clock = DatabaseClock(now)
        self.database = Database(self.clock, self.rng)
        self.database.on_refused = self.disturb
        self.ledger = Ledger(self.fail, now, self._process_of, self._is_live)
        self.has_bad_machine = self.rng.random() < BAD_MACHINES
        self.natures: list[Nature] = []
        self.broken, self.judged = "", False
        self.disturbed_at = 0.0
        self._stop = self.timeline.create_future()
        self.manager = ManagerMachine(
            ManagerSettings(
                _folder(), lease_s=LEASE_S, stall_s=STALLS_S[seed % 2], blame=self._blame()
            ),
            self.database,
            self.timeline,
            self.rng,
            self.trace,
        )
        self.manager.on_start = self.disturb
        self.manager.on_death = self._manager_died
        self.machines = [self._machine(n) for n in range(1, self.rng.randint(2, 5))]
        self.looks = Looks(self)
        self.manager.on_commit = self.looks.of_commit
        self.manager.on_news = self.looks.of_news
        self.faults: list[Fault] = draw_faults(self.rng)
        self.people = People(self)
        self.asking = Asking(self)
        self.admin = Admin(self)
        self.post = Post(self)
        if self.post.tells:
            self.manager.notifying = partial(PostedNotifying, post=self.post)
        self.recalling = Recalling(self)

    def _blame(self) -> BlameLimits:
        return BlameLimits(quarantine_s=10.0 if self.has_bad_machine else 45.0)

    def _machine(self, number: int) -> Machine:
        name = f"worker-{number}"
        cable = Cable(name, self.timeline, self.rng, self.trace, self.manager)
        cable.on_damage = self.ledger.damages
        machine = Machine(
            name,
            slots=self.rng.randint(1, 2),
            media=number == 1 or self.rng.random() < 0.5,
            timeline=self.timeline,
            rng=self.rng,
            trace=self.trace,
            cable=cable,
            natures=self.natures,
            watcher=self.ledger,
        )
        draw_chances(self, machine)
        return machine

    # --- what others ask and tell

    def any_machine(self) -> Machine:
        """One of the machines."""
        return self.rng.choice(self.machines)

    def disturb(self) -> None:
        """Renewals were not possible until now, or may not be from now on (L7)."""
        self.disturbed_at = self.timeline.time()

    def excuse_job(self, job: int, why: str) -> None:
        """What is in work of a job will be aborted, and what is on its way there."""
        [(leased,)] = self.database.ask("SELECT sum(leased) FROM stages WHERE job_id = ?", job)
        slots = sum(len(machine.offers) for machine in self.machines)
        self.ledger.excuse(why, min(leased or 0, slots))

    def forget_results(self, job: int, why: str) -> None:
        """A person wants results of a job gone."""
        stages = self.database.ask("SELECT id, total FROM stages WHERE job_id = ?", job)
        self.ledger.forgettable.update(stage for stage, _ in stages)
        self.ledger.excuse(why, sum(total for _, total in stages))

    def _process_of(self, worker_id: str) -> Process | None:
        for machine in self.machines:
            if machine.worker_id == worker_id and machine.agent is not None:
                return machine.agent.process
        return None

    def link_of(self, worker_id: str) -> object:
        """The manager's end of a worker's connection."""
        farm = self.manager.farm
        return farm.roster.get(worker_id) if farm is not None else None

    def _is_live(self, stage: int) -> bool:
        rows = self.database.ask(
            "SELECT 1 FROM stages s JOIN jobs j ON j.id = s.job_id WHERE s.id = ? "
            "AND j.state IN ('queued', 'running', 'paused')",
            stage,
        )
        return bool(rows)

    def fail(self, what: str) -> None:
        """Something is wrong; the first of such things ends the simulation."""
        if not self.broken and not self.judged:
            self.broken = what
            self.trace("CHECK", "broken: %s", what)
            if not self._stop.done():
                self._stop.set_result(None)

    def _unexpected(self, _: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        # One failed group of writes fails everybody who waits for it, and not all look.
        expected = isinstance(error, (SimulatedCrashError, DatabaseError))
        if not expected:
            self.fail(f"{context.get('message')}: {error!r}")

    def _manager_died(self) -> None:
        self.disturb()
        for machine in self.machines:
            for wire in list(machine.cable.wires):
                wire.break_("the manager is gone")

    # --- the course of events

    def run(self, minutes: float) -> Verdict:
        """Let the farm live, and judge it."""
        started = time.process_time()
        with self._sealed():
            main = self.timeline.create_task(self._live(minutes * 60.0))
            self.timeline.run_until_complete(
                asyncio.wait([main, self._stop], return_when=asyncio.FIRST_COMPLETED)
            )
            if main.done() and main.exception() is not None:
                self.fail(f"the simulation itself failed: {main.exception()!r}")
            self.judged = True
            simulated_s, tail = self.timeline.time(), self.trace.tail()
            self.manager.kill("the simulation is over")
            self.timeline.end()
        self.database.close()
        return Verdict(
            seed=self.seed,
            broken=self.broken,
            simulated_s=simulated_s,
            cpu_s=time.process_time() - started,
            renders=sum(self.ledger.renders.values()),
            extra_renders=self.ledger.extra_renders,
            excused=sum(self.ledger.excused.values()),
            commits=self.looks.commits,
            steps=self.timeline.steps,
            trace=tail,
        )

    @contextlib.contextmanager
    def _sealed(self) -> Iterator[None]:
        with (
            sealed(self.timeline.time, self.rng, self._logged),
            simulated_agents(),
            any_picture(),
            checked_failures(self.database),
            self.post.at_work(),
        ):
            yield

    def _logged(self, method: str, line: dict[str, Any]) -> None:
        if line.get("exc_info"):
            error = sys.exc_info()[1]
            self.trace("manager", "logs %s %r", line, error)
            expected = isinstance(error, (SimulatedCrashError, DBAPIError, DatabaseError))
            if not expected and method in {"error", "exception"}:
                self.fail(f"the manager logs {line}: {error!r}")

    async def _live(self, seconds: float) -> None:
        self.manager.start()
        for machine in self.machines:
            machine.start()
        tasks = [self._begin(self._watch()), self._begin(self.people.live())]
        tasks.append(self._begin(self.asking.live()))
        tasks.append(self._begin(self.admin.live()))
        tasks.append(self._begin(self.post.live()))
        tasks.append(self._begin(self.recalling.live()))
        tasks += [self._begin(self._repeat(fault)) for fault in self.faults]
        await asyncio.sleep(5.0)
        for _ in range(self.rng.randint(1, 4)):
            self.people.submit()
        if self.has_bad_machine:
            self.any_machine().failing = 0.5
            self.people.submit(LONG)
        if self.rng.random() < AWAY_FOR_A_WHILE:
            away_until = self.timeline.time() + self.rng.uniform(60.0, 900.0)
            self.people.submit(replace(LONG, away_until=away_until))
        await asyncio.sleep(seconds)
        for task in tasks[1:]:
            task.cancel()
        await calm(self)
        await until_all_ended(self)
        self.looks.of_end()

    def _begin(self, work: Any) -> asyncio.Task[None]:
        return self.timeline.create_task(work)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.looks.of_now()

    async def _repeat(self, fault: Fault) -> None:
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / fault.every_s))
            await fault.happen(self)


def simulate(
    seed: int,
    minutes: float = SHORT_MINUTES,
    listener: Callable[[str], None] | None = None,
) -> Verdict:
    """Let a world live, judge it, and leave nothing of it."""
    with uncollected():
        return World(seed, listener).run(minutes)


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / "framefarm-simulation"
