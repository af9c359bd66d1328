"""What a connected worker is told, and what its link knows then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from framefarm.farm.roster import Link, slots_of
from framefarm.farm.service import Farm
from framefarm.farm.settings import ManagerSettings
from framefarm.farm.worker_steering import WorkerAction, WorkerChange
from framefarm.protocol import messages as m

FACTS = m.MachineFacts("host")
HELLO = m.Hello(2, "boot", "ants", "0", FACTS, (m.SlotOffer("cpu", ("trial",)),))


class Ears:
    """What was sent over a connection."""

    def __init__(self) -> None:
        self.heard: list[m.Order] = []

    async def __call__(self, orders: Sequence[m.Order]) -> None:
        self.heard += orders


async def arrive(farm: Farm) -> tuple[Link, Ears]:
    admission = await farm.workers.admit(HELLO)
    ears = Ears()
    link = Link(
        admission.worker_id,
        admission.name,
        HELLO.boot_id,
        "0",
        FACTS,
        slots_of(HELLO.slots),
        ears,
        enabled=admission.may_claim,
    )
    return link, ears


async def test_a_worker_that_greets_while_it_is_steered_is_reminded(tmp_path: Path):
    farm = Farm(ManagerSettings(tmp_path))
    await farm.start()
    decided = farm.orders.count
    link, ears = await arrive(farm)
    for action in (WorkerAction.DISABLE, WorkerAction.RESTART):
        await farm.orders.steer([link.worker_id], WorkerChange(action))
    await farm.orders.steer(
        [link.worker_id], WorkerChange(WorkerAction.TAG, tags=frozenset({"fast"}))
    )
    farm.roster.add(link)
    link.barred = frozenset({("render", "5.0")})
    assert (link.enabled, ears.heard) == (True, [])

    assert farm.orders.count != decided
    await farm.orders.remind(link)

    assert not link.enabled
    assert ears.heard == [m.Drain(), m.Restart()]
    assert link.barred == {("render", "5.0")}
    assert link.slots["cpu"].ability.tags == link.tags == {"fast"}
    await farm.orders.steer([link.worker_id], WorkerChange(WorkerAction.ENABLE))
    await farm.orders.remind(link)
    assert link.enabled
    assert link.barred == {("render", "5.0")}
    await farm.stop()


async def test_a_worker_is_told_once_and_in_order(tmp_path: Path):
    farm = Farm(ManagerSettings(tmp_path))
    await farm.start()
    link, ears = await arrive(farm)
    farm.roster.add(link)
    for action, now in (("drain", False), ("drain", False), ("disable", False), ("disable", True)):
        await farm.orders.steer([link.worker_id], WorkerChange(WorkerAction(action), now=now))
        assert not link.enabled
    await farm.orders.steer([link.worker_id], WorkerChange(WorkerAction.ENABLE))

    assert link.enabled
    assert ears.heard == [m.Drain(), m.Drain(), m.Disable(), m.Enable()]
    await farm.stop()
