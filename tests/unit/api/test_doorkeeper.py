"""Who is turned away, and how often that is told."""

from __future__ import annotations

from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from framefarm.api.doorkeeper import Doorkeeper
from framefarm.api.guard import Caller, Role
from framefarm.api.keys import KeyRing
from framefarm.farm.joining import Door, JoinTokenError
from framefarm.farm.service import Farm
from framefarm.protocol.messages import Hello, MachineFacts

HELLO = Hello(2, "boot", "box", "0", MachineFacts("box"), ())


class Closed:
    """A farm that lets nobody in, and remembers at which doors they stood."""

    def __init__(self, *, guessed: bool = False) -> None:
        self.doors: list[Door] = []
        self.workers = self
        self._guessed = guessed

    async def admit(self, hello: Hello, door: Door) -> None:
        del hello
        self.doors.append(door)
        raise JoinTokenError("no token", guessed=self._guessed)


def doorkeeper(farm: Closed) -> Doorkeeper:
    return Doorkeeper(cast("Farm", farm), cast("KeyRing", None))


async def knock(keeper: Doorkeeper, address: str, role: Role = Role.STRANGER) -> None:
    with pytest.raises(JoinTokenError):
        await keeper.admit(HELLO, Caller(role, address))


async def test_l14_who_knocks_without_end_fills_no_log_and_hides_nobody():
    farm = Closed()
    keeper = doorkeeper(farm)
    with capture_logs() as logged:
        for _ in range(100):
            await knock(keeper, "10.0.0.5")
        await knock(keeper, "10.0.0.6")

    told: list[Any] = [line["address"] for line in logged]
    assert told == ["10.0.0.5"] * 5 + ["10.0.0.6"]
    # Without a token nothing was guessed, so nobody has to wait.
    assert {door.wait_s for door in farm.doors} == {0.0}


async def test_who_guesses_has_to_wait_and_somebody_on_this_machine_never():
    farm = Closed(guessed=True)
    keeper = doorkeeper(farm)
    for _ in range(6):
        await knock(keeper, "10.0.0.5")
        await knock(keeper, "127.0.0.1", Role.LOCAL)

    waits = {
        door.local: [one.wait_s > 0 for one in farm.doors if one.local is door.local]
        for door in farm.doors
    }
    assert waits == {False: [False] * 5 + [True], True: [False] * 6}
