"""L6, L14: a full disk on the worker's side loses nothing and asks for nothing new."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from framefarm.agent import disk, outbox
from framefarm.agent.errors import OutboxError, UnitFailedError
from framefarm.agent.executors.trial import TrialExecutor
from framefarm.agent.outbox import Outbox
from framefarm.agent.work import Outcome, ProducedFile
from framefarm.protocol import messages as msg
from framefarm.protocol.messages import UnitFacts
from framefarm.protocol.tasks import TrialTask
from tests.integration.agent.conftest import StartAgent
from tests.integration.agent.fake_manager import FakeManager, trial_lease, trial_task
from tests.integration.agent.resources import unit_work

FULL = OSError(errno.ENOSPC, "No space left on device")


class Disk:
    """Lets writing of receipts fail as a full disk would, until there is room."""

    def __init__(self) -> None:
        self.full = False
        self.refused = 0
        self._loop = asyncio.get_running_loop()
        self.was_refused = asyncio.Event()

    def guard(self, write: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
        def guarded(path: Path, content: bytes) -> None:
            if self.full:
                self.refused += 1
                self._loop.call_soon_threadsafe(self.was_refused.set)
                raise FULL
            write(path, content)

        return guarded


@pytest.fixture
async def full_disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr(outbox, "write_durably", made.guard(outbox.write_durably))
    return made


async def test_rendered_result_waits_for_room_and_is_delivered_then(
    manager: FakeManager,
    start_agent: StartAgent,
    full_disk: Disk,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("framefarm.agent.keeping.ROOM_EVERY_S", 0.05)
    full_disk.full = True
    start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(image_bytes=5_000), trial_lease(units="1"))
    await asyncio.wait_for(full_disk.was_refused.wait(), 60)
    assert not manager.arrivals

    full_disk.full = False

    (result,) = await manager.arrived(1)
    assert result.unit == 1
    assert not any(isinstance(report, msg.Failed) for report in manager.reports)
    assert full_disk.refused >= 1


async def test_files_that_did_not_fit_are_where_they_were(tmp_path: Path, full_disk: Disk):
    picture = tmp_path / "picture.png"
    await asyncio.to_thread(picture.write_bytes, b"pixels")
    box = await asyncio.to_thread(Outbox, tmp_path / "outbox")
    full_disk.full = True
    files = (ProducedFile(picture, "picture.png", "image"),)

    with pytest.raises(OutboxError) as caught:
        await asyncio.to_thread(box.keep, unit_work("trial", TrialTask()), files, UnitFacts())

    assert disk.is_full(caught.value)
    assert await asyncio.to_thread(picture.read_bytes) == b"pixels"
    assert await asyncio.to_thread(lambda: list((tmp_path / "outbox").iterdir())) == []


async def test_nothing_is_asked_for_until_there_is_clearly_room_again(
    manager: FakeManager, start_agent: StartAgent, monkeypatch: pytest.MonkeyPatch
):
    free = [100]
    monkeypatch.setattr("framefarm.agent.assembly.free_bytes", lambda _: free[0])
    monkeypatch.setattr("framefarm.agent.upkeep.EVERY_S", 0.02)
    start_agent(disk_reserve_bytes=1_000)
    hello = await manager.heard(msg.Hello)
    assert hello.facts.resting == "its disk is nearly full"
    assert not any(isinstance(report, msg.Ready) for report in manager.reports)

    free[0] = 1_100
    await manager.order(msg.Query())
    facts = (await manager.heard(msg.FactsChanged)).facts
    assert facts.resting == "its disk is nearly full"
    free[0] = 1_300

    assert (await manager.heard(msg.LogLine)).text == "asks for work again"
    assert (await manager.heard(msg.FactsChanged)).facts.resting == ""
    await manager.heard(msg.Ready)


async def test_cache_makes_room_before_work_stops(
    manager: FakeManager, start_agent: StartAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    blob = tmp_path / "agent" / "cache" / "blobs" / "ab" / ("ab" + "0" * 62)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"x" * 600)
    others_bytes, has_room_again = [0], asyncio.Event()

    def free(_: Path) -> int:
        if others_bytes[0] and not blob.exists():
            has_room_again.set()
        return 2_000 - others_bytes[0] - (600 if blob.exists() else 0)

    monkeypatch.setattr("framefarm.agent.assembly.free_bytes", free)
    monkeypatch.setattr("framefarm.agent.cache.free_bytes", free)
    agent = start_agent(disk_reserve_bytes=1_000)
    await manager.heard(msg.Ready)
    assert blob.exists()

    others_bytes[0] = 600
    await asyncio.wait_for(has_room_again.wait(), 60)
    await agent.stop()

    # It never said that it rests.
    assert not any(isinstance(report, msg.FactsChanged) for report in manager.reports)


async def test_unit_that_fails_while_the_disk_is_full_is_given_back_and_not_reported(
    manager: FakeManager, start_agent: StartAgent, monkeypatch: pytest.MonkeyPatch
):
    free = [1 << 40]
    monkeypatch.setattr("framefarm.agent.assembly.free_bytes", lambda _: free[0])

    class Filling(TrialExecutor):
        """Fills the disk and fails of it, as Blender does when it cannot write a picture."""

        async def run(self, *_: object) -> Outcome:
            free[0] = 0
            raise UnitFailedError("refused", "Blender ended frame 1 without writing it")

    start_agent(executors={"trial": Filling, "render": Filling})
    await manager.heard(msg.Ready)
    await manager.order(trial_task(), trial_lease(units="1-3"))

    released = await manager.heard(msg.Released)
    assert released.lease == "L1"
    assert not any(isinstance(report, msg.Failed) for report in manager.reports)
    at = len(manager.reports)
    free[0] = 1 << 40
    await manager.heard(msg.Ready)
    assert any(isinstance(report, msg.LogLine) for report in manager.reports[at:])


def test_room_is_said_to_be_there_again_only_well_above_the_reserve():
    assert disk.disk_is_low(99, 100, was_low=False)
    assert not disk.disk_is_low(101, 100, was_low=False)
    assert disk.disk_is_low(101, 100, was_low=True)
    assert not disk.disk_is_low(126, 100, was_low=True)
