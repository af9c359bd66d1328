"""What a manager does by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from framefarm.core.grace import Disturbance, Watch
from framefarm.core.requirements import Ability
from framefarm.db import DatabaseError
from framefarm.farm import duties
from framefarm.farm.duties import expire_leases, take_back_stalls
from framefarm.farm.expiry import Round
from framefarm.farm.news import News
from framefarm.farm.roster import Link, Roster, Slot, Work
from framefarm.farm.stalls import Stall, find_stalls
from framefarm.protocol.messages import MachineFacts, SlotOffer


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


async def nowhere(_: object) -> None:
    return None


def silent_for(roster: Roster, seconds: float) -> Slot:
    """A slot of a new worker that may be silent for 300 s and a lease's life."""
    slot = Slot(SlotOffer("cpu", ("trial",)), Ability(frozenset({"trial"})), stall_s=300.0)
    roster.add(Link("w", "w", "boot", "0", MachineFacts("here"), {"cpu": slot}, nowhere))
    slot.work = Work("lease", 1, 2, "trial", "1-3")
    slot.note_progress(1, 0, 0)
    assert slot.at is not None
    slot.at.heard_at -= seconds
    return slot


async def test_l10_what_stalls_in_an_outage_is_taken_back_after_it():
    roster, tries, taken_back = Roster(), [], asyncio.Event()
    slot = silent_for(roster, 400.0)

    async def change(_: object) -> None:
        tries.append(slot.work)
        if len(tries) == 1:
            raise DatabaseError("it cannot be reached")

    def forgotten(found: Roster) -> Iterator[Stall]:
        if slot.work is None:
            taken_back.set()
        return find_stalls(found)

    farm: Any = SimpleNamespace(
        settings=SimpleNamespace(lease_s=0.01),
        roster=roster,
        catalog=None,
        results=SimpleNamespace(blame=None),
    )
    farm.change = change
    with mock.patch.object(duties, "find_stalls", forgotten):
        duty = asyncio.create_task(take_back_stalls(farm))
        async with asyncio.timeout(60):
            await taken_back.wait()
        duty.cancel()
        await asyncio.gather(duty, return_exceptions=True)

    assert len(tries) == 2


async def test_l10_while_the_manager_stands_still_nobody_counts_as_silent():
    roster, rounds, looked = Roster(), [], asyncio.Event()
    silent_for(roster, 200.0)
    clock = SimpleNamespace(later_s=0.0)

    def look(found: Roster) -> Iterator[Stall]:
        rounds.append(list(find_stalls(found, now=time.monotonic() + clock.later_s)))
        looked.set()
        return iter(())

    farm: Any = SimpleNamespace(settings=SimpleNamespace(lease_s=0.01), roster=roster)
    its_time = SimpleNamespace(monotonic=lambda: time.monotonic() + clock.later_s)
    with (
        mock.patch.object(duties, "find_stalls", look),
        mock.patch.object(duties, "time", its_time),
    ):
        duty = asyncio.create_task(take_back_stalls(farm))
        await asyncio.sleep(0)
        clock.later_s = 1_000.0
        async with asyncio.timeout(60):
            await looked.wait()
        duty.cancel()
        await asyncio.gather(duty, return_exceptions=True)

    assert rounds[0] == []
    assert list(find_stalls(roster, now=time.monotonic() + 1_200.0))
