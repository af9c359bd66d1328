"""Slots on GPUs: a whole agent whose Blender is a stand-in that has some."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from framefarm.agent import Agent, AgentSettings, upkeep
from framefarm.agent.errors import NoSuchGpuError
from framefarm.agent.probing import FILE_NAME
from framefarm.agent.resting import RestWatch
from framefarm.protocol import messages as msg
from tests.integration.agent.fake_manager import FakeManager
from tests.integration.agent.stand_in import acting, stand_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")

TWO = (
    {"backend": "OPTIX", "name": "RTX two", "id": "CUDA_RTX two_0000:41:00_OptiX"},
    {"backend": "OPTIX", "name": "RTX one broken", "id": "CUDA_RTX one_0000:01:00_OptiX"},
    {"backend": "CUDA", "name": "RTX two", "id": "CUDA_RTX two_0000:41:00"},
    {"backend": "CUDA", "name": "RTX one", "id": "CUDA_RTX one_0000:01:00"},
)

Start = Callable[..., "asyncio.Task[bool]"]


@pytest.fixture
async def manager() -> AsyncIterator[FakeManager]:
    async with FakeManager() as fake:
        yield fake


@pytest.fixture
async def start(manager: FakeManager, tmp_path: Path) -> AsyncIterator[Start]:
    (tmp_path / "devices.json").write_text(json.dumps(TWO))
    blender = stand_in(tmp_path)
    running: list[tuple[Agent, asyncio.Task[bool]]] = []

    def one(**changes: object) -> asyncio.Task[bool]:
        values = {"media": False, "warm_start": False, "log_level": "error", **changes}
        settings = AgentSettings(data_dir=tmp_path / "agent", **values)  # type: ignore[arg-type]
        agent = Agent(manager.url, settings, find=lambda _: [blender], die=lambda: 0.05)
        running.append((agent, asyncio.create_task(agent.run())))
        return running[-1][1]

    yield one
    for agent, task in running:
        agent.stop()
        await asyncio.gather(task, return_exceptions=True)


async def render(manager: FakeManager, tmp_path: Path, slot: str, act: str, stage: int) -> None:
    """Have a slot render a frame of a file that says what the stand-in does."""
    task = await asyncio.to_thread(acting, tmp_path, act)
    await manager.order(
        msg.Task(stage, 1, "render", msgspec.Raw(msgspec.json.encode(task))),
        msg.Lease(f"L-{slot}-{stage}", stage, slot, "1", 1, 30.0),
    )


async def test_each_slot_renders_on_its_own_device_and_the_result_says_so(
    manager: FakeManager, start: Start, tmp_path: Path
):
    start(slots="gpu:0,gpu:1,cpu", probe_devices=False)
    hello = await manager.heard(msg.Hello)
    assert [(o.slot, o.device) for o in hello.slots] == [
        ("gpu:0", "GPU:0"),
        ("gpu:1", "GPU:1"),
        ("cpu", "CPU"),
    ]

    for number, offer in enumerate(hello.slots):
        await render(manager, tmp_path, offer.slot, "nothing", stage=number + 1)

    results = {it.lease: it.manifest.facts for it in await manager.arrived(3)}
    assert {lease: (it.asked_device, it.device) for lease, it in results.items()} == {
        "L-gpu:0-1": ("GPU:0", "OPTIX: RTX one broken"),
        "L-gpu:1-2": ("GPU:1", "OPTIX: RTX two"),
        "L-cpu-3": ("CPU", "CPU"),
    }


async def test_frame_that_fell_back_to_the_processor_is_a_failed_placement(
    manager: FakeManager, start: Start, tmp_path: Path
):
    start(slots="gpu:0", probe_devices=False)
    await manager.heard(msg.Ready)

    await render(manager, tmp_path, "gpu:0", "fall_back", stage=1)

    failed = await manager.heard(msg.Failed)
    assert failed.reason == "placement"
    assert "slot gpu:0 was to render on its GPU" in failed.message
    assert failed.memory_bytes > 0
    assert not manager.arrivals


async def test_frame_too_large_for_a_gpu_is_not_held_against_the_slots_own_memory(
    manager: FakeManager, start: Start, tmp_path: Path
):
    start(slots="gpu:0", probe_devices=False)
    await manager.heard(msg.Ready)

    await render(manager, tmp_path, "gpu:0", "fill_gpu", stage=1)

    failed = await manager.heard(msg.Failed)
    assert failed.reason == "out_of_memory"
    # With a size the manager would try it only where there is more of another memory.
    assert failed.memory_bytes == 0


async def test_backends_are_tried_told_and_a_broken_one_is_left_aside_from_then_on(
    manager: FakeManager, start: Start, tmp_path: Path
):
    first = start(slots="gpu:0")
    told = await manager.heard(msg.FactsChanged, lambda it: it.facts.devices != ())

    assert told.facts.devices == ("CPU", "OPTIX", "CUDA")
    assert told.facts.gpus == (
        msg.GpuFacts("RTX one broken", "CUDA", works=True),
        msg.GpuFacts("RTX two", "OPTIX", works=True),
    )
    await manager.order(msg.Restart(at_once=True))
    assert await asyncio.wait_for(first, 60)
    assert await asyncio.to_thread((tmp_path / "agent" / FILE_NAME).exists)

    start(slots="gpu:0")
    await manager.heard(msg.Ready)
    await render(manager, tmp_path, "gpu:0", "nothing", stage=2)

    (result,) = await manager.arrived(1)
    assert result.manifest.facts.device == "CUDA: RTX one"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux pins children to cores")
async def test_devices_are_tried_within_the_limits_of_renders(
    manager: FakeManager, start: Start, tmp_path: Path
):
    start(cores=1, niceness=12)
    await manager.heard(msg.FactsChanged, lambda it: it.facts.devices != ())

    probed = await asyncio.to_thread((tmp_path / "probed").read_text)
    assert probed == f"1 {os.nice(0) + 12}"


async def test_devices_are_not_tried_while_the_machine_is_not_to_work(
    manager: FakeManager, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(upkeep, "EVERY_S", 0.01)
    resting, looked, enough = ["somebody uses the machine"], 0, asyncio.Event()

    async def reason(_: RestWatch) -> str:
        nonlocal looked
        looked += 1
        if looked == 50:
            enough.set()
        return resting[0]

    monkeypatch.setattr(RestWatch, "reason", reason)
    start()
    await asyncio.wait_for(enough.wait(), 60)
    assert not (tmp_path / "probed").exists()

    resting[0] = ""

    told = await manager.heard(msg.FactsChanged, lambda it: it.facts.devices != ())
    assert told.facts.devices == ("CPU", "OPTIX", "CUDA")


async def test_gpu_beyond_those_there_are_is_refused_and_they_are_named(start: Start):
    running = start(slots="gpu:2")

    with pytest.raises(NoSuchGpuError) as caught:
        await asyncio.wait_for(running, 60)

    assert str(caught.value) == (
        "there is no gpu:2 here: Blender 5.0.1 finds gpu:0 (RTX one broken), gpu:1 (RTX two); "
        "the slots there are: cpu and these"
    )
