"""The end of a simulation: faults stop, everything goes back to work, and all of it has to end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .farmwork import SECONDS

if TYPE_CHECKING:
    from .world import World


async def calm(world: World) -> None:
    """End all faults, and put everything back to work."""
    world.trace("world", "faults end")
    if not (world.database.usable and world.manager.awake):
        world.disturb()
    world.database.calm()
    world.manager.blobs.full = False
    world.post.fails = 0.0
    for machine in world.machines:
        world.ledger.lose_touch(machine, "faults end")
        machine.cable.chances = type(machine.cable.chances)()
        machine.cable.unblock()
        machine.disk.full = False
        machine.failing = 0.0
        machine.thaw()
    world.manager.thaw()
    await asyncio.sleep(2.0)
    if world.manager.life is None:
        world.manager.start()
    for _ in range(10):
        for machine in world.machines:
            machine.start()
        await asyncio.sleep(3.0)
        world.people.bring_all_back()
        world.admin.lift()
        world.asking.wait_no_more()


async def until_all_ended(world: World) -> None:
    """Wait until every job has ended, and all that was made or noted is delivered."""
    [(units,)] = world.database.ask("SELECT sum(total - done) FROM stages")
    # Of the slowest machine, if it were alone with one slot.
    allowed_s = 3_600.0 + max(SECONDS) * 2.0 * 1.4 * (units or 0)
    deadline = world.timeline.time() + allowed_s
    while world.timeline.time() < deadline:
        await asyncio.sleep(10.0)
        for machine in world.machines:
            machine.start()
        left = world.database.ask(
            "SELECT id, state FROM jobs WHERE state NOT IN ('done', 'failed', 'cancelled')"
        )
        owed = [f"{m.name} {entry}" for m in world.machines for entry in m.disk.unsettled]
        untold = world.post.owed()
        if not left and not owed and not untold:
            return
    if left:
        world.fail(f"{allowed_s:.0f} s after the last fault these jobs have not ended: {left}")
    if owed:
        world.fail(f"L6: {allowed_s:.0f} s after the last fault these are not delivered: {owed}")
    world.fail(f"notices: {allowed_s:.0f} s after the last fault nobody was told {untold}")
