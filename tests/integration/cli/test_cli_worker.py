"""`framefarm worker` as a process: signals, and the manager's order to begin anew."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from framefarm.protocol import messages as msg
from tests.integration.agent.fake_manager import FakeManager, trial_lease, trial_task
from tests.integration.cli.processes import Running, environment

SLOW = 600.0


@pytest.fixture
async def manager() -> AsyncIterator[FakeManager]:
    async with FakeManager() as fake:
        yield fake


@pytest.fixture
async def worker(manager: FakeManager, tmp_path: Path) -> AsyncIterator[Running]:
    running = Running("worker", manager.url, "--name", "ants", env=environment(tmp_path))
    yield running
    await asyncio.to_thread(running.kill)


async def test_restart_makes_a_new_process_under_the_same_number(
    manager: FakeManager, worker: Running
):
    first = await manager.heard(msg.Hello)
    await manager.heard(msg.Ready)

    await manager.order(msg.Restart())

    second = await manager.heard(msg.Hello)
    assert second.boot_id != first.boot_id
    assert (second.name, second.worker_id) == ("ants", "w1")
    assert second.interrupted == ()
    assert await asyncio.to_thread(worker.stop, signal.SIGTERM) == 0


async def test_sigterm_gives_the_lease_back_and_ends_without_its_unit(
    manager: FakeManager, worker: Running
):
    await manager.heard(msg.Ready)
    await manager.order(trial_task(seconds=SLOW), trial_lease())
    await manager.heard(msg.Progress)

    assert await asyncio.to_thread(worker.stop, signal.SIGTERM) == 0
    await manager.heard(msg.Released)
    assert not any(isinstance(report, msg.Finished | msg.Failed) for report in manager.reports)


async def test_sigusr1_ends_after_the_lease_in_work(manager: FakeManager, worker: Running):
    await manager.heard(msg.Ready)
    await manager.order(trial_task(seconds=1.5), trial_lease(units="1-2"))
    await manager.heard(msg.Progress)

    ended = asyncio.create_task(asyncio.to_thread(worker.stop, signal.SIGUSR1))
    for unit in (1, 2):
        assert (await manager.heard(msg.Finished)).unit == unit
        await manager.order(msg.Settled("L1", unit, "accepted"))

    assert await ended == 0
    assert not any(isinstance(report, msg.Released) for report in manager.reports)
