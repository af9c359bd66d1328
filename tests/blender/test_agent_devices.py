"""Devices and limits with a real Blender, on a machine without a GPU."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from framefarm.agent import Agent, AgentSettings
from framefarm.agent.errors import NoSuchGpuError, UnitFailedError
from framefarm.agent.executors.contract import SlotResources
from framefarm.agent.executors.render import RenderExecutor
from framefarm.agent.journal import open_journal
from framefarm.agent.probing import FILE_NAME, DeviceProber, working_devices
from framefarm.blender.installations import BlenderInstallation
from framefarm.blender.warm import WarmBlender
from framefarm.processes import memory_watch
from framefarm.processes.child_process import ChildLimits
from framefarm.protocol import messages as msg
from framefarm.protocol.messages import UnitFacts
from framefarm.protocol.tasks import RenderTask
from tests.integration.agent.fake_manager import FakeManager
from tests.integration.agent.resources import Steps, slot_resources, unit_work
from tests.integration.agent.stand_in import runs, until

Scenes = dict[str, Path]
MIB = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def _no_gpu(own_blender: BlenderInstallation) -> None:
    """These tests are about a machine where Cycles finds no GPU."""

    async def gpus() -> int:
        async with await WarmBlender.start(own_blender) as blender:
            return len(await blender.devices())

    if asyncio.run(gpus()):
        pytest.skip("there is a GPU here")


@pytest.fixture
async def render(
    own_blender: BlenderInstallation, scenes: Scenes, tmp_path: Path
) -> AsyncIterator[Callable[..., object]]:
    """Renders a frame in a slot of the device and limits that a test asks for."""
    made: list[RenderExecutor] = []
    content = await asyncio.to_thread(scenes["plain"].read_bytes)
    task = RenderTask(
        blend_sha256=hashlib.sha256(content).hexdigest(),
        blend_name="plain.blend",
        blend_size_bytes=len(content),
        blender="5.0",
        file_format="PNG",
        frame_path="shot_####",
        extension=".png",
        expect_width=96,
        expect_height=54,
        source_path=str(scenes["plain"]),
    )
    async with slot_resources(tmp_path) as resources:

        async def one(**place: object) -> UnitFacts:
            slot: SlotResources = replace(resources, blenders=(own_blender,), **place)  # type: ignore[arg-type]
            made.append(RenderExecutor(slot))
            workdir = tmp_path / f"unit-{len(made)}"
            await asyncio.to_thread(workdir.mkdir)
            work = unit_work("render", task, limit_s=60.0)
            return (await made[-1].run(work, workdir, Steps())).facts

        yield one
        for executor in made:
            await executor.close()


async def test_frame_says_which_device_was_asked_for_and_which_rendered(render):
    facts = await render()

    assert (facts.asked_device, facts.device) == ("CPU", "CPU")


async def test_frame_for_a_gpu_that_is_not_there_is_a_failed_placement(render):
    with pytest.raises(UnitFailedError) as caught:
        await render(device="GPU:0", cycles_device="GPU:CUDA_gone_0000:01:00")

    assert caught.value.reason == "placement"
    assert "Cycles cannot use the GPU CUDA_gone_0000:01:00" in str(caught.value)


async def test_frame_that_ran_on_the_processor_in_place_of_a_gpu_is_a_failed_placement(render):
    """As if Blender had fallen back by itself: it is asked for the processor in a GPU's slot."""
    with pytest.raises(UnitFailedError) as caught:
        await render(device="GPU:0", cycles_device="CPU")

    assert caught.value.reason == "placement"
    assert "slot gpu:0 was to render on its GPU" in str(caught.value)


async def test_real_blender_over_its_memory_limit_is_out_of_memory_with_the_peak(
    render, monkeypatch: pytest.MonkeyPatch
):
    # A quick machine is through with so small a frame before it is looked at twice a second.
    monkeypatch.setattr(memory_watch, "EVERY_S", 0.02)
    with pytest.raises(UnitFailedError) as caught:
        await render(limits=ChildLimits(memory_bytes=40 * MIB))

    assert caught.value.reason == "out_of_memory"
    assert "over the limit of 40 MiB" in str(caught.value)
    assert caught.value.peak_memory_bytes > 40 * MIB


async def test_process_that_a_real_blender_left_in_another_session_ends_with_it(
    own_blender: BlenderInstallation, make_scene: Callable[..., Path], tmp_path: Path
):
    """The script inside the file starts a shell that starts a sleep and ends."""
    pids = tmp_path / "pids"
    shell = f"sleep 1000 & echo $! > {pids}"
    script = f"import subprocess; subprocess.Popen(['sh', '-c', {shell!r}], start_new_session=True)"
    scene = make_scene("--resolution", "32x32", "--samples", "1", "--script", script)
    warm = await WarmBlender.start(own_blender, scratch_dir=tmp_path, allow_scripts=True)
    await warm.open(scene)
    await until(lambda: pids.exists() and bool(pids.read_text().strip()))
    left = int(await asyncio.to_thread(pids.read_text))
    assert runs(left)
    await until(lambda: warm.needs_recycling(max_idle_s=1e6, max_rss_bytes=1 << 40))

    await warm.quit()

    assert not runs(left)


async def test_gpu_slot_is_refused_at_the_start_and_the_slots_there_are_are_named(
    own_blender: BlenderInstallation, tmp_path: Path
):
    settings = AgentSettings(data_dir=tmp_path, slots="gpu:0", log_level="error")
    agent = Agent("http://127.0.0.1:1", settings, find=lambda _: [own_blender])

    with pytest.raises(NoSuchGpuError) as caught:
        await asyncio.wait_for(agent.run(), 60)

    assert str(caught.value) == (
        f"there is no gpu:0 here: Blender {own_blender.full_version} finds no GPU that Cycles can "
        "use; the slots there are: cpu"
    )


async def test_devices_are_tried_once_and_remembered(
    own_blender: BlenderInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first = await DeviceProber(own_blender, tmp_path, open_journal("error")).probe()
    assert working_devices(first) == ("CPU",)

    async def start(*_: object, **__: object) -> WarmBlender:
        raise AssertionError("a Blender was started again")

    monkeypatch.setattr(WarmBlender, "start", start)
    again = DeviceProber(own_blender, tmp_path, open_journal("error"))

    assert await again.probe() == first


@pytest.mark.parametrize("content", [b"", b"{", b'{"x": 1}'])
async def test_damaged_memory_of_devices_is_made_anew(
    own_blender: BlenderInstallation, tmp_path: Path, content: bytes
):
    await asyncio.to_thread((tmp_path / FILE_NAME).write_bytes, content)

    found = await DeviceProber(own_blender, tmp_path, open_journal("error")).find()

    assert found.devices == ()


async def test_worker_tells_what_works_once_it_was_tried(
    own_blender: BlenderInstallation, tmp_path: Path
):
    async with FakeManager() as manager:
        settings = AgentSettings(data_dir=tmp_path, media=False, log_level="error")
        agent = Agent(manager.url, settings, find=lambda _: [own_blender])
        running = asyncio.create_task(agent.run())
        hello = await manager.heard(msg.Hello)
        assert hello.facts.devices == ()

        told = await manager.heard(msg.FactsChanged, lambda it: it.facts.devices != ())

        assert told.facts.devices == ("CPU",)
        agent.stop()
        await asyncio.wait_for(running, 60)
