"""What a manager does by itself."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from framefarm.core.grace import Disturbance, Watch
from framefarm.farm.duties import expire_leases
from framefarm.farm.expiry import Round
from framefarm.farm.news import News


class Writer:
    """Answers every round at once; tells when the so manieth was asked for."""

    def __init__(self, disturbance: Disturbance | None, rounds: int) -> None:
        self._disturbance = disturbance
        self._left = rounds
        self.asked = asyncio.Event()

    def submit(self, _handler: object, watch: Watch) -> asyncio.Future[Round]:
        self._left -= 1
        if self._left == 0:
            self.asked.set()
        done: asyncio.Future[Round] = asyncio.get_running_loop().create_future()
        done.set_result(Round(News(), watch, self._disturbance))
        return done


async def spread(_: News) -> None:
    """Nobody is concerned."""


@pytest.mark.parametrize(
    ("disturbance", "wakes"), [(Disturbance.OUTAGE, True), (Disturbance.CLOCK, True), (None, False)]
)
async def test_slots_whose_claims_failed_in_an_outage_are_served_after_it(
    disturbance: Disturbance | None,
    wakes: bool,  # noqa: FBT001
):
    writer, woken = Writer(disturbance, rounds=2), []
    farm: Any = SimpleNamespace(
        settings=SimpleNamespace(lease_s=0.01),
        writer=writer,
        bars={},
        come_by_s=0.0,
        spread=spread,
        dispatcher=SimpleNamespace(work_appeared=lambda: woken.append("all that wait")),
    )

    duty = asyncio.create_task(expire_leases(farm))
    async with asyncio.timeout(60):
        await writer.asked.wait()
    duty.cancel()
    await asyncio.gather(duty, return_exceptions=True)

    assert bool(woken) == wakes
