"""Workers: the real agent's decisions, connection, uploader and slots; the machine is simulated."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast
from unittest import mock

import httpx

from framefarm.agent import connection as connection_module
from framefarm.agent.agent import FLUSH_S, STOP_S
from framefarm.agent.connection import Connection
from framefarm.agent.decisions import decide
from framefarm.agent.events import Disconnected, DiskChanged, DrainAsked, Event, StopAsked
from framefarm.agent.parts import Ending, Parts, Performer
from framefarm.agent.settings import AgentSettings
from framefarm.agent.slots import Slot
from framefarm.agent.state import AgentState, Link, held_leases
from framefarm.agent.trust import Trust
from framefarm.agent.uploads import Uploader
from framefarm.protocol.messages import (
    BlenderOffer,
    GotFiles,
    MachineFacts,
    Prefetch,
    SlotOffer,
    Welcome,
)

from .disk import Disk, SimulatedKeeper
from .executors import SimulatedExecutor, Watcher
from .farmwork import Nature
from .network import Cable, UnreachableError
from .timeline import Process, Timeline, current_process
from .trace import Trace

UPKEEP_S = 2.0
URL = "http://manager:7070"


class SimulatedPrefetcher:
    """Has every file at once: files of jobs are not simulated.

    Args:
        connection: Where it says so.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def fetch(self, order: Prefetch) -> None:
        """Say that they are here."""
        self._connection.send(GotFiles(order.job))


class Machine:
    """One worker's machine: a disk, a cable, and one agent process after the other.

    Args:
        name: What it is called.
        slots: How many units it renders at once.
        media: Whether it also makes movies.
        timeline, rng, trace: Of the simulation.
        cable: Its way to the manager.
        natures: What the jobs are like.
        watcher: Told what its slots do.
    """

    def __init__(
        self,
        name: str,
        *,
        slots: int,
        media: bool,
        timeline: Timeline,
        rng: random.Random,
        trace: Trace,
        cable: Cable,
        natures: list[Nature],
        watcher: Watcher,
    ) -> None:
        self.name = name
        self.timeline = timeline
        self.rng = rng
        self.trace = trace
        self.cable = cable
        self.natures = natures
        self.watcher = watcher
        self.disk = Disk()
        self.offers = _offers(slots, media=media)
        self.agent: AgentProcess | None = None
        self.slowness = rng.choice((0.7, 1.0, 1.0, 2.0))
        self.failing = 0.0
        """The share of its units that fail."""
        self.refused: str | None = None
        self.hanging: dict[tuple[int, int, float], float] = {}
        """Stage, unit and usual time of what hangs in its present process, and since when."""
        self.numb = False
        """It does not notice what hangs: the manager has to."""
        self.confused: Callable[[], Sequence[str]] = tuple
        """Leases of others that its heartbeats name as well (L2)."""

    @property
    def worker_id(self) -> str | None:
        """What the manager calls it."""
        latest = self.disk.identities.latest
        return latest.worker_id if latest else None

    def facts(self, *, resting: str = "") -> MachineFacts:
        """What the agent tells of the machine."""
        return MachineFacts(self.name, resting=resting)

    def start(self) -> None:
        """Start the agent."""
        if self.agent is None:
            self.trace(self.name, "starts")
            self.hanging = {}
            self.agent = AgentProcess(self)

    def kill(self, why: str, *, silently: bool = False) -> None:
        """SIGKILL, or the machine loses its power: then its connections just fall silent."""
        if self.agent is None:
            return
        self.trace(self.name, "dies: %s", why)
        self.watcher.loses_process(self, why)
        self.agent.process.kill()
        self.agent = None
        for wire in list(self.cable.wires):
            silence = self.rng.uniform(20.0, 40.0) if silently else 0.05
            wire.break_("its worker died", manager_in_s=silence)

    def freeze(self) -> None:
        """SIGSTOP."""
        if self.agent is not None:
            self.trace(self.name, "is stopped")
            self.agent.process.freeze()
            for wire in self.cable.wires:
                wire.doubt(self.rng.uniform(20.0, 40.0))

    def thaw(self) -> None:
        """SIGCONT."""
        if self.agent is not None and self.agent.process.frozen:
            self.trace(self.name, "goes on")
            self.agent.thawed_at = self.timeline.time()
            self.agent.process.thaw()

    def ask(self, event: StopAsked | DrainAsked) -> None:
        """SIGTERM."""
        if self.agent is not None:
            self.trace(self.name, "is asked: %s", type(event).__name__)
            if isinstance(event, StopAsked):
                self.watcher.loses_process(self, "SIGTERM")
            self.agent.process.call(self.agent.tell, [event])

    def ended(self, ending: Ending) -> None:
        """Its process ended by itself."""
        self.refused = ending.refused
        self.kill(f"it has ended: {ending}")
        if ending.again:
            self.start()


class AgentProcess:
    """One run of the agent."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.process = Process(machine.timeline, machine.name)
        self.process.cable = machine.cable  # type: ignore[attr-defined]
        self.down_at = self.thawed_at = machine.timeline.time()
        self.welcomed_at: float | None = None
        self.low = False
        found = machine.disk.found()
        self.state = AgentState.of([offer.slot for offer in machine.offers], owed=found.owed)
        self.parts = self._parts()
        self._performer = Performer(self.parts, found, end=self._end, journal=_journal(machine))
        self.process.run(self.parts.connection.run())
        self.process.run(self.parts.uploader.run(3))
        self.process.run(self._look_after())

    @property
    def up(self) -> bool:
        """Whether it has been welcomed on its present connection."""
        return self.state.link is Link.UP

    def tell(self, events: Sequence[Event]) -> None:
        """Let the agent decide, and do what it decides."""
        for event in events:
            if isinstance(event, Welcome):
                self.welcomed_at = self.machine.timeline.time()
            elif isinstance(event, Disconnected):
                self.down_at = self.machine.timeline.time()
            if isinstance(event, StopAsked):
                asyncio.get_running_loop().call_later(STOP_S, self._end, Ending())
            self.state, todo = decide(self.state, event)
            for instruction in todo:
                self.machine.watcher.performs(self.machine, instruction)
                self._performer.perform(instruction)

    def _parts(self) -> Parts:
        machine, die = self.machine, self.machine.rng.random
        journal = _journal(machine)
        trust = Trust(URL, None)
        connection = Connection(
            URL,
            trust=trust,
            tell=self.tell,
            held=lambda: (*held_leases(self.state), *machine.confused()),
            die=die,
            journal=journal,
        )
        http = SimulatedHttp(machine.cable)
        uploader = Uploader(
            cast("httpx.AsyncClient", http),
            cast("Any", machine.disk),
            tell=self._tell_one,
            key=lambda: self._performer.key,
            die=die,
            journal=journal,
        )
        keeper = SimulatedKeeper(machine.disk, tell=self._tell_one, write_s=self._write_s)
        return Parts(
            url=URL,
            trust=trust,
            outbox=cast("Any", machine.disk),
            settings=AgentSettings(Path("/simulated"), name=machine.name),
            boot_id=secrets.token_hex(16),
            machine=cast("Any", machine),
            offers=machine.offers,
            slots={offer.slot: self._slot(offer, connection) for offer in machine.offers},
            connection=connection,
            uploader=uploader,
            keeper=cast("Any", keeper),
            prefetcher=cast("Any", SimulatedPrefetcher(connection)),
            thumbnails=cast("Any", None),
            cache=cast("Any", machine.disk),
            workdirs=cast("Any", machine.disk),
            identity_file=cast("Any", machine.disk),
            http=cast("httpx.AsyncClient", http),
            pools=(),
        )

    def _slot(self, offer: SlotOffer, connection: Connection) -> Slot:
        executor = SimulatedExecutor(self.machine)
        return Slot(
            offer.slot,
            dict.fromkeys(offer.kinds, executor),
            workdirs=cast("Any", self.machine.disk),
            tell=self._tell_one,
            report=connection.send,
            journal=_journal(self.machine),
            full=lambda: self.machine.disk.full,
            clock=self.machine.timeline.time,
        )

    def _tell_one(self, event: Event) -> None:
        self.tell([event])

    def _write_s(self) -> float:
        return self.machine.rng.uniform(0.01, 0.3)

    async def _look_after(self) -> None:
        while True:
            await self.machine.timeline.poll(UPKEEP_S, self._is_busy)
            if self.machine.disk.full != self.low:
                self.low = self.machine.disk.full
                self.tell([DiskChanged(self.low)])
            for slot in () if self.machine.numb else self.parts.slots.values():
                await slot.upkeep()

    def _is_busy(self) -> bool:
        """Whether looking after it may change anything."""
        working = any(slot.working is not None for slot in self.state.slots.values())
        return working or self.machine.disk.full != self.low

    def _end(self, ending: Ending) -> None:
        # What it said last still leaves, as `Agent` sees to.
        self.machine.timeline.outside(FLUSH_S, self._gone, ending)

    def _gone(self, ending: Ending) -> None:
        if self.machine.agent is self:
            if not self.state.keeping:
                self.machine.disk.working.clear()
            self.machine.ended(ending)


class SimulatedHttp:
    """The part of `httpx.AsyncClient` that the uploader uses, over a simulated cable."""

    def __init__(self, cable: Cable) -> None:
        self._cable = cable

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, path: str, *, content: AsyncIterator[bytes], headers: dict[str, str]
    ) -> AsyncIterator[httpx.Response]:
        body = b"".join([piece async for piece in content])
        try:
            answer = await self._cable.request(method, path, headers, body)
        except UnreachableError as error:
            raise httpx.ConnectError(str(error)) from error
        yield httpx.Response(answer.status, headers=answer.headers, content=answer.body)


def _offers(slots: int, *, media: bool) -> tuple[SlotOffer, ...]:
    blender = (BlenderOffer("5.0"),)
    offers = [SlotOffer(f"cpu-{n}", ("trial", "render"), blender) for n in range(1, slots + 1)]
    if media:
        offers.append(SlotOffer("media", ("movie", "join")))
    return tuple(offers)


class _Journal:
    """The agent's log: only what nobody thought of is of interest here."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def info(self, *_: object, **__: object) -> None:
        """Not of interest."""

    warning = error = debug = log = info

    def exception(self, what: str, **facts: object) -> None:
        self._machine.watcher.surprised(self._machine, f"{what} {facts} {sys.exc_info()[1]!r}")


def _journal(machine: Machine) -> Any:
    return _Journal(machine)


@contextlib.contextmanager
def simulated_agents() -> Iterator[None]:
    """Inside, agents connect over simulated cables."""
    with mock.patch.object(connection_module, "connect", _connect):
        yield


@contextlib.asynccontextmanager
async def _connect(_: str, **__: object) -> AsyncIterator[Any]:
    process = current_process()
    assert process is not None
    end = await process.cable.connect(process)  # type: ignore[attr-defined]
    try:
        yield end
    finally:
        end.abort()
