"""What goes wrong, and how often: each seed draws its own mixture."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from framefarm.agent.events import DrainAsked, StopAsked

if TYPE_CHECKING:
    from .workers import Machine
    from .world import World

HOUR_S = 3_600.0
OWES_WITHIN_S = 30.0


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        name: For the trace.
        happen: Lets it happen, and lets it pass.
        every_s: How often it happens in a seed that has it, on average.
    """

    name: str
    happen: Callable[[World], Coroutine[Any, Any, None]]
    every_s: float


async def _kill_worker(world: World) -> None:
    machine = world.any_machine()
    silently = world.rng.random() < 0.3
    if world.rng.random() < 0.5:
        # Between the render and the answer to its result: a moment that luck alone seldom hits.
        until = world.timeline.time() + OWES_WITHIN_S
        await world.timeline.poll(
            0.02, lambda: bool(machine.disk.entries) or world.timeline.time() > until
        )
    machine.kill("SIGKILL", silently=silently)
    await _back_later(world, machine)


async def _stop_worker(world: World) -> None:
    machine = world.any_machine()
    machine.ask(world.rng.choice((StopAsked(), DrainAsked())))
    await asyncio.sleep(world.rng.uniform(5.0, 60.0))
    machine.kill("it did not end in time")
    await _back_later(world, machine)


async def _back_later(world: World, machine: Machine) -> None:
    await asyncio.sleep(world.rng.choice((0.5, 5.0, 50.0, 200.0)))
    machine.start()


async def _freeze_worker(world: World) -> None:
    machine = world.any_machine()
    world.ledger.lose_touch(machine, "a worker frozen")
    machine.freeze()
    await asyncio.sleep(world.rng.choice((2.0, 20.0, 35.0, 45.0, 120.0)))
    world.ledger.lose_touch(machine, "a worker frozen")
    machine.thaw()


async def _cut(world: World) -> None:
    world.any_machine().cable.cut()


async def _block(world: World) -> None:
    machine = world.any_machine()
    up, down = world.rng.choice(((True, True), (True, False), (False, True)))
    for_s = world.rng.choice((3.0, 20.0, 40.0, 60.0, 200.0))
    world.trace(machine.name, "cable blocked up %s down %s for %g s", up, down, for_s)
    world.ledger.lose_touch(machine, "a cable blocked")
    machine.cable.block(up=up, down=down)
    await asyncio.sleep(for_s)
    world.ledger.lose_touch(machine, "a cable blocked")
    world.trace(machine.name, "cable whole again")
    machine.cable.unblock()


async def _kill_manager(world: World) -> None:
    world.manager.kill("SIGKILL")
    await _manager_back(world)


async def _crash_manager(world: World) -> None:
    world.database.arm(crash_in=world.rng.randint(1, 60))
    await asyncio.sleep(1.0)
    await _manager_back(world)


async def _stop_manager(world: World) -> None:
    process = world.manager.process
    if process is None or process.frozen:
        return
    process.run(world.manager.stop())
    await asyncio.sleep(2.0)
    await _manager_back(world)


async def _freeze_manager(world: World) -> None:
    process = world.manager.process
    if process is None or process.frozen:
        return
    world.manager.freeze()
    world.disturb()
    for wire in (wire for machine in world.machines for wire in machine.cable.wires):
        wire.doubt(world.rng.uniform(20.0, 40.0))
    await asyncio.sleep(world.rng.choice((5.0, 20.0, 40.0, 100.0)))
    if process.frozen:
        world.disturb()
        world.manager.thaw()


async def _manager_back(world: World) -> None:
    await asyncio.sleep(world.rng.choice((0.5, 3.0, 20.0, 100.0)))
    if world.manager.life is None:
        world.manager.start()


async def _outage(world: World) -> None:
    world.trace("database", "cannot be reached")
    world.database.arm(down=True)
    world.disturb()
    await asyncio.sleep(world.rng.choice((1.0, 10.0, 40.0, 100.0)))
    world.trace("database", "is there again")
    _reachable_again(world)


def _reachable_again(world: World) -> None:
    # Another fault may have ended the outage before: then renewals have been possible since.
    if world.database.armed.down:
        world.database.arm(down=False)
        world.disturb()


async def _flicker(world: World) -> None:
    """One short outage after the other, with time for a round of the manager's duties between.

    No round comes so late that this alone were a reason for grace, yet most heartbeats are lost.
    """
    world.trace("database", "flickers")
    for _ in range(world.rng.randint(10, 30)):
        world.database.arm(down=True)
        world.disturb()
        await asyncio.sleep(world.rng.uniform(1.0, 2.8))
        _reachable_again(world)
        await asyncio.sleep(world.rng.uniform(1.05, 1.6))
    world.trace("database", "is steady again")


async def _step_clock(world: World) -> None:
    seconds = world.rng.choice((5.0, 90.0, HOUR_S, 24 * HOUR_S)) * world.rng.choice((-1, 1))
    world.trace("database", "clock steps by %g s", seconds)
    world.clock.step(seconds)
    world.disturb()
    await asyncio.sleep(0)


async def _fill_worker_disk(world: World) -> None:
    machine = world.any_machine()
    world.trace(machine.name, "disk is full")
    machine.disk.full = True
    world.ledger.lose_touch(machine, "a full disk")
    await asyncio.sleep(world.rng.uniform(10.0, 120.0))
    world.trace(machine.name, "disk has room again")
    machine.disk.full = False


async def _fill_manager_disk(world: World) -> None:
    world.trace("manager", "disk is full")
    world.manager.blobs.full = True
    if world.rng.random() < 0.5:
        # What nobody tries to write disturbs nobody: a lease may end while its worker is silent.
        world.database.arm(full=True)
    await asyncio.sleep(world.rng.uniform(5.0, 60.0))
    world.trace("manager", "disk has room again")
    world.manager.blobs.full = False
    if world.database.armed.full:
        world.database.arm(full=False)


FAULTS = (
    Fault("kill a worker", _kill_worker, 90.0),
    Fault("stop a worker", _stop_worker, 120.0),
    Fault("freeze a worker", _freeze_worker, 80.0),
    Fault("cut a cable", _cut, 40.0),
    Fault("block a cable", _block, 60.0),
    Fault("kill the manager", _kill_manager, 120.0),
    Fault("crash the manager in a statement", _crash_manager, 60.0),
    Fault("stop the manager", _stop_manager, 200.0),
    Fault("freeze the manager", _freeze_manager, 120.0),
    Fault("database outage", _outage, 150.0),
    Fault("flickering database", _flicker, 80.0),
    Fault("clock step", _step_clock, 120.0),
    Fault("full disk of a worker", _fill_worker_disk, 150.0),
    Fault("full disk of the manager", _fill_manager_disk, 150.0),
)


def draw_faults(rng: random.Random) -> list[Fault]:
    """The mixture of a seed: few kinds often find more than all kinds at once."""
    return rng.sample(FAULTS, rng.randint(0, 4))


def draw_chances(world: World, machine: Machine) -> None:
    """How well a machine's cable and the machine itself work in this seed."""
    rng, chances = world.rng, machine.cable.chances
    machine.cable.delay_s = rng.choice((0.0005, 0.01, 0.2))
    machine.cable.bytes_per_s = rng.choice((1e7, 1e7, 2_000.0))
    if rng.random() < 0.3:
        chances.lost_request = chances.lost_answer = rng.choice((0.05, 0.3))
    if rng.random() < 0.3:
        chances.repeated = 0.3
    if rng.random() < 0.2:
        chances.damaged = 0.1
    if rng.random() < 0.3:
        chances.cut = 0.01
    if rng.random() < 0.15:
        machine.failing = rng.choice((0.2, 0.6, 1.0))
    machine.numb = rng.random() < 0.3
    if rng.random() < 0.2:
        machine.confused = partial(world.ledger.all_of_others, machine)
