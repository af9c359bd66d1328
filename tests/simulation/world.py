"""One simulated farm, from its seed to its verdict."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy.exc import DBAPIError

from framefarm.core.blame import BlameLimits
from framefarm.db import DatabaseError
from framefarm.farm.claims import claim_many
from framefarm.farm.invariants import check_invariants
from framefarm.farm.news import News
from framefarm.farm.settings import ManagerSettings

from .audit import Audit
from .clock import DatabaseClock
from .database import Database, SimulatedCrashError
from .farmwork import SECONDS, Nature
from .faults import Fault, draw_chances, draw_faults
from .hermetic import sealed, uncollected
from .lean import check_stages
from .ledger import Ledger
from .manager import ManagerMachine, SimulatedFarm, any_picture, checked_failures
from .network import Cable
from .people import People
from .shortcuts import SimulatedDispatcher
from .timeline import Process, Timeline
from .trace import Trace
from .turns import Turns
from .workers import Machine, simulated_agents

SHORT_MINUTES = 3.0
"""Of faults in a seed; long enough for leases to expire twice."""

LEASE_S = 30.0
SLACK_S = 5.0
LOOK_EVERY_S = 5.0
KNOWN_DEATH_S = 3.0
STRIKES = 1
"""A slot is looked at every five seconds; it may wait for the moment of one look."""
FULL_CHECK_EVERY = 100
ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Verdict:
    """How a simulation went.

    Attributes:
        seed: Its seed.
        broken: What is wrong, empty when nothing is.
        simulated_s: How much time passed in it.
        cpu_s: What it took here.
        renders, extra_renders, excused: Units rendered, those among them that had been rendered
            before, and how many of these the faults explain.
        commits: Transactions.
        trace: The latest lines.
    """

    seed: int
    broken: str
    simulated_s: float
    cpu_s: float
    renders: int
    extra_renders: int
    excused: int
    commits: int
    steps: int
    trace: str


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
        self.ledger = Ledger(self.fail, now, self._process_of, self._is_live)
        self.natures: list[Nature] = []
        self.broken, self.judged = "", False
        self.commits = 0
        self.disturbed_at = 0.0
        self._waiting: dict[int, int] = {}
        self._stop = self.timeline.create_future()
        self.manager = ManagerMachine(
            ManagerSettings(_folder(), lease_s=LEASE_S, blame=BlameLimits(quarantine_s=45.0)),
            self.database,
            self.timeline,
            self.rng,
            self.trace,
        )
        self.manager.on_commit = self._committed
        self.manager.on_news = self._heard
        self.manager.on_start = self.disturb
        self.manager.on_death = self._manager_died
        self.machines = [self._machine(n) for n in range(1, self.rng.randint(2, 5))]
        self.audit = Audit(
            self.database, self.manager.blobs, self.machines, now, lambda: self.disturbed_at
        )
        self.turns = Turns(self.database, now, self._link_of)
        self.faults: list[Fault] = draw_faults(self.rng)
        self.people = People(self)

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

    def _link_of(self, worker_id: str) -> object:
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

    # --- checks

    def _committed(self) -> None:
        self.commits += 1
        changes = self.database.changes()
        if not changes.stages:
            return
        self.ledger.commit(changes.notes)
        for fault in self.audit.of_commit(changes.notes):
            self.fail(fault)
        for fault in self.turns.of_commit(changes):
            self.fail(fault)
        for fault in check_stages(self.database, changes.stages):
            self.fail(fault)
        if self.commits % FULL_CHECK_EVERY == 0:
            self._check_all()

    def _check_all(self) -> None:
        with self.database.engine.connect().execution_options(reading=True) as connection:
            for fault in check_invariants(connection):
                self.fail(fault)

    def _heard(self, news: News) -> None:
        for lost in news.lost:
            self.trace("manager", "takes lease %s away: %s", lost.lease_id[:6], lost.reason)
            quiet_s = self.timeline.time() - self.disturbed_at
            if "expired" in lost.reason and quiet_s < LEASE_S:
                self.fail(
                    f"L7: lease {lost.lease_id[:6]} expired {quiet_s:.1f} s after renewals had not "
                    "been possible"
                )

    def _look(self) -> None:
        self.ledger.see(self.machines)
        active = {
            lease for (lease,) in self.database.ask("SELECT id FROM leases WHERE state = 'active'")
        }
        for fault in self.audit.of_now():
            self.fail(fault)
        if self.manager.process is None or not self.database.usable:
            return
        for lease in self.ledger.overdue(
            active, LEASE_S + SLACK_S + LOOK_EVERY_S, self.disturbed_at
        ):
            self.fail(f"lease {lease[:6]} has been without a holder for too long")
        for machine in self.machines:
            for lease in self.ledger.outlived(machine, KNOWN_DEATH_S):
                self.fail(f"L8: {machine.name} has begun anew, but lease {lease[:6]} is in force")
        self._look_for_idle_slots()

    def _look_for_idle_slots(self) -> None:
        """A slot that waits while work that suits it is pending has been forgotten."""
        farm = self.manager.farm
        before, self._waiting = self._waiting, {}
        if farm is None:
            return
        kinds = {kind for (kind,) in self.database.ask("SELECT kind FROM stages WHERE claimable")}
        for link, slot in farm.roster.waiting():
            if not link.enabled:
                continue
            suits = not kinds.isdisjoint(slot.ability.kinds)
            if suits and self._would_be_served(farm, link, slot):
                forgotten = "waits while work waits for it"
            elif cast("SimulatedDispatcher", farm.dispatcher).idles(link, slot):
                forgotten = "idles, though it could help out with the last units (L11)"
            else:
                continue
            strikes = self._waiting[id(slot)] = before.get(id(slot), 0) + 1
            if strikes > STRIKES:
                self.fail(f"slot {slot.offer.slot} of {link.name} {forgotten}")

    def _would_be_served(self, farm: SimulatedFarm, link: Any, slot: Any) -> bool:
        with self.database.engine.connect() as connection, connection.begin() as transaction:
            [lease] = claim_many(connection, [farm.dispatcher._request(link, slot)])
            transaction.rollback()
        return lease is not None

    # --- the course of events

    def run(self, minutes: float) -> Verdict:
        """Let the farm live, and judge it."""
        started = time.process_time()
        with uncollected(), self._sealed():
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
            commits=self.commits,
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
        tasks += [self._begin(self._repeat(fault)) for fault in self.faults]
        await asyncio.sleep(5.0)
        for _ in range(self.rng.randint(1, 4)):
            self.people.submit()
        await asyncio.sleep(seconds)
        for task in tasks[1:]:
            task.cancel()
        await self._calm()
        await self._until_all_ended()
        self._check_all()
        self._check_failed_units()
        self.ledger.close()

    def _check_failed_units(self) -> None:
        """A unit fails only if something was wrong with it, or with workers that tried it (L9)."""
        failed = self.database.ask(
            "SELECT f.stage_id, f.unit, f.message FROM faults f WHERE f.final AND NOT f.forgiven"
        )
        for stage, unit, message in failed:
            blamed = self.ledger.wrongs[stage, unit] > 0 or self.ledger.damaged
            if not blamed:
                self.fail(f"L9: unit {unit} of stage {stage} failed for nothing: {message}")

    def _begin(self, work: Any) -> asyncio.Task[None]:
        return self.timeline.create_task(work)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._look()

    async def _repeat(self, fault: Fault) -> None:
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / fault.every_s))
            await fault.happen(self)

    async def _calm(self) -> None:
        """End all faults, and put everything back to work."""
        self.trace("world", "faults end")
        if not self.database.usable:
            self.disturb()
        self.database.calm()
        self.manager.blobs.full = False
        for machine in self.machines:
            self.ledger.lose_touch(machine, "faults end")
            machine.cable.chances = type(machine.cable.chances)()
            machine.cable.unblock()
            machine.disk.full = False
            machine.failing = 0.0
            machine.thaw()
        await asyncio.sleep(2.0)
        if self.manager.life is None:
            self.manager.start()
        for _ in range(10):
            for machine in self.machines:
                machine.start()
            await asyncio.sleep(3.0)
            self.people.bring_all_back()

    async def _until_all_ended(self) -> None:
        [(units,)] = self.database.ask("SELECT sum(total - done) FROM stages")
        # Of the slowest machine, if it were alone with one slot.
        allowed_s = 3_600.0 + max(SECONDS) * 2.0 * 1.4 * (units or 0)
        deadline = self.timeline.time() + allowed_s
        while self.timeline.time() < deadline:
            await asyncio.sleep(10.0)
            for machine in self.machines:
                machine.start()
            left = self.database.ask(
                "SELECT id, state FROM jobs WHERE state NOT IN ('done', 'failed', 'cancelled')"
            )
            if not left:
                return
        self.fail(f"{allowed_s:.0f} s after the last fault these jobs have not ended: {left}")


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / "framefarm-simulation"
