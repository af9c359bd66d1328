"""Hours, use of the machine, facts and devices: a whole agent against a fake manager."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import psutil
import pytest

from framefarm.agent import idle_sensor, parts, upkeep, user_input
from framefarm.agent.errors import NoSuchGpuError
from framefarm.agent.idle_sensor import IdleSensor
from framefarm.agent.interfaces import interface_towards
from framefarm.agent.machine import Machine
from framefarm.core.hours import Hours
from framefarm.protocol import messages as msg
from tests.integration.agent.conftest import StartAgent
from tests.integration.agent.fake_manager import FakeManager, trial_lease, trial_task
from tests.integration.agent.stand_in import until


def hours_from(start_min: int, end_min: int) -> Hours:
    """Hours that begin and end so many minutes from now."""
    now = datetime.now().astimezone()
    first, last = (now + timedelta(minutes=minutes) for minutes in (start_min, end_min))
    return Hours.parse(f"{first:%H:%M}-{last:%H:%M}")


async def test_worker_outside_its_hours_says_so_and_asks_for_nothing(
    manager: FakeManager, start_agent: StartAgent
):
    start_agent(hours=hours_from(120, 240))

    hello = await manager.heard(msg.Hello)
    assert hello.facts.resting.startswith("it works ")
    await manager.order(trial_task(), trial_lease())
    await manager.heard(msg.Released)
    assert not any(isinstance(report, msg.Ready) for report in manager.reports)


async def test_worker_inside_its_hours_works(manager: FakeManager, start_agent: StartAgent):
    start_agent(hours=hours_from(-120, 120))

    await manager.heard(msg.Ready)


@pytest.fixture
def reasons(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why the machine is to rest, last entry: changed by tests."""
    told = [""]

    class Watch:
        def __init__(self, _: object) -> None:
            pass

        async def reason(self) -> str:
            return told[-1]

    monkeypatch.setattr(upkeep, "RestWatch", Watch)
    monkeypatch.setattr(upkeep, "EVERY_S", 0.02)
    return told


async def test_unit_at_work_is_ended_and_the_rest_of_its_lease_given_back(
    manager: FakeManager, start_agent: StartAgent, reasons: list[str]
):
    start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(seconds=1.2, image_bytes=5_000), trial_lease(units="1-5"))
    await manager.heard(msg.Progress)

    reasons.append("somebody uses the machine")

    assert (await manager.heard(msg.LogLine)).text == "asks for no work: somebody uses the machine"
    assert (await manager.heard(msg.FactsChanged)).facts.resting == "somebody uses the machine"
    (result,) = await manager.arrived(1)
    assert result.unit == 1
    await manager.heard(msg.Released)
    at = len(manager.reports)
    reasons.append("")
    await manager.heard(msg.Ready)
    assert len(manager.arrivals) == 1
    assert not any(isinstance(report, msg.Progress) for report in manager.reports[at:])


def burn(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


@pytest.fixture
def stranger() -> Iterator[Callable[[], int]]:
    """Starts a process that is not ours and busy; it forks twice to get a parent of its own."""
    pids: list[int] = []

    def start() -> int:
        reading, writing = os.pipe()
        first = os.fork()
        if first == 0:
            second = os.fork()
            if second == 0:
                burn(120)
            os.write(writing, str(second).encode() if second else b"")
            os._exit(0)
        os.waitpid(first, 0)
        pids.append(int(os.read(reading, 20)))
        os.close(reading)
        os.close(writing)
        return pids[-1]

    yield start
    for pid in pids:
        psutil.Process(pid).kill()


def spend(pid: int, seconds: float) -> None:
    """Wait until a process has taken so much time of a processor, whatever others take."""
    process = psutil.Process(pid)
    over_at = process.cpu_times().user + seconds
    while process.cpu_times().user < over_at:
        time.sleep(0.05)


def test_load_of_others_counts_and_that_of_our_children_does_not(
    stranger: Callable[[], int], monkeypatch: pytest.MonkeyPatch
):
    # Seconds of all cores that passed, and that were busy: what else runs here shall not count.
    machine = iter([(0.0, 0.0), (10.0, 5.0), (20.0, 10.0)])
    monkeypatch.setattr(idle_sensor, "_machine_times", lambda: next(machine))
    sensor = IdleSensor()
    child = multiprocessing.get_context("spawn").Process(target=burn, args=(120,))
    child.start()
    assert child.pid is not None

    spend(child.pid, 1.0)
    with_child = sensor.look().load
    child.kill()
    child.join()
    spend(stranger(), 1.0)
    with_stranger = sensor.look().load

    assert with_child <= 0.4
    assert 0.4 < with_stranger <= 0.5


def test_load_is_a_share_of_what_the_machine_did():
    sensor = IdleSensor()
    burn(0.05)

    assert 0.0 <= sensor.look().load <= 1.0


def test_terminal_used_last_tells_since_when_nobody_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, ago_s in (("pts1", 500), ("pts2", 50)):
        path = tmp_path / name
        path.touch()
        os.utime(path, (time.time() - ago_s, 0))
    users = [type("User", (), {"terminal": str(tmp_path / name)}) for name in ("pts1", "pts2", "x")]
    monkeypatch.setattr(user_input.psutil, "users", lambda: users)
    monkeypatch.delenv("DISPLAY", raising=False)

    assert user_input.untouched_s() == pytest.approx(50, abs=5)


def test_machine_where_nobody_is_logged_in_does_not_tell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(user_input.psutil, "users", list)
    monkeypatch.delenv("DISPLAY", raising=False)

    assert user_input.untouched_s() is None


class TestFacts:
    async def test_hello_tells_machine_and_the_way_to_the_manager(
        self, manager: FakeManager, start_agent: StartAgent
    ):
        start_agent()

        facts = (await manager.heard(msg.Hello)).facts

        assert facts.ip == "127.0.0.1"
        assert facts.cpu
        assert facts.cores >= 1
        assert 0 < facts.memory_free_bytes <= facts.memory_bytes
        assert facts.disk_free_bytes > 0

    async def test_query_measures_load(self, manager: FakeManager, start_agent: StartAgent):
        start_agent()
        await manager.heard(msg.Ready)
        async with asyncio.timeout(60):
            facts = (await self._ask(manager)).facts
            while facts.load is None:
                facts = (await self._ask(manager)).facts

        assert 0.0 <= facts.load <= 1.0

    async def _ask(self, manager: FakeManager) -> msg.FactsChanged:
        await manager.order(msg.Query())
        return await manager.heard(msg.FactsChanged)

    async def test_change_is_told_once_and_nothing_is_told_without_one(
        self, manager: FakeManager, start_agent: StartAgent, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(upkeep, "EVERY_S", 0.02)
        monkeypatch.setattr(upkeep, "FACTS_EVERY_S", 0.04)
        disk = [1 << 40]
        looks: list[int] = []
        steady = {"memory_free_bytes": 1 << 30, "load": 0.1, "temperature_c": None}

        def facts(machine: Machine, *, resting: str = "") -> msg.MachineFacts:
            looks.append(1)
            now = real(machine, resting=resting)
            return msgspec.structs.replace(now, disk_free_bytes=disk[0], **steady)

        real = Machine.facts
        monkeypatch.setattr(Machine, "facts", facts)
        start_agent()
        await manager.heard(msg.Ready)
        seen = len(looks)
        await until(lambda: len(looks) >= seen + 5)
        assert not any(isinstance(report, msg.FactsChanged) for report in manager.reports)

        disk[0] = 1 << 30

        assert (await manager.heard(msg.FactsChanged)).facts.disk_free_bytes == 1 << 30
        seen = len(looks)
        await until(lambda: len(looks) >= seen + 5)
        told = [report for report in manager.reports if isinstance(report, msg.FactsChanged)]
        assert len(told) == 1

    async def test_clock_that_was_set_is_told(
        self, manager: FakeManager, start_agent: StartAgent, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(upkeep, "EVERY_S", 0.02)
        monkeypatch.setattr(upkeep, "FACTS_EVERY_S", 0.04)
        monkeypatch.setattr(parts, "worth_telling", lambda *_: False)
        start_agent()
        at = (await manager.heard(msg.Hello)).clock_at
        await manager.heard(msg.Ready)

        right = time.time
        monkeypatch.setattr(time, "time", lambda: right() + 3_600)

        assert (await manager.heard(msg.FactsChanged)).clock_at == pytest.approx(at + 3_600, abs=60)

    def test_interface_that_leads_elsewhere_has_its_own_addresses(self):
        # An address for documentation: nothing is sent to it, the way there is only looked up.
        found = interface_towards("http://192.0.2.1:7070")

        addresses = [it.address for card in psutil.net_if_addrs().values() for it in card]
        assert found.ip == "" or found.ip in addresses
        assert found.mac == "" or found.mac in [str(address).lower() for address in addresses]

    def test_manager_whose_name_is_unknown_leaves_the_address_open(self):
        assert interface_towards("http://no-such-host.invalid:7070").ip == ""


async def test_gpu_slot_without_a_blender_to_use_it_is_refused(
    manager: FakeManager, start_agent: StartAgent
):
    agent = start_agent(slots="gpu:0")

    with pytest.raises(NoSuchGpuError, match="there is no gpu:0 here: there is no Blender"):
        await agent.ended()

    assert not manager.reports
