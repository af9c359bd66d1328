"""Renders that hang, eat memory, print gigabytes or leave children: real processes, told apart.

Whatever they do, nothing of them is left.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from framefarm.agent.errors import UnitFailedError
from framefarm.blender.warm import WarmBlender
from framefarm.processes.child_process import ChildLimits
from framefarm.processes.disk_watch import DiskLimits
from tests.integration.agent.resources import slot_resources
from tests.integration.agent.stand_in import StandInFarm, runs, stand_in, until

MIB = 1 << 20
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a guardian")


@pytest.fixture
async def farm(tmp_path: Path) -> AsyncIterator[Callable[..., StandInFarm]]:
    made: list[StandInFarm] = []
    async with slot_resources(tmp_path) as resources:

        def make(limits: ChildLimits | None = None) -> StandInFarm:
            made.append(StandInFarm(resources, tmp_path, limits or ChildLimits()))
            return made[-1]

        yield make
        for one in made:
            await one.executor.close()
            assert one.left() == []


async def failure(farm: StandInFarm, act: str, stall_s: float = 30.0) -> UnitFailedError:
    with pytest.raises(UnitFailedError) as caught:
        await asyncio.wait_for(farm.render(act, stall_s=stall_s), 60)
    return caught.value


async def test_hang_is_stalled_with_the_end_of_its_log(farm):
    failed = await failure(farm(), "hang", stall_s=0.5)

    assert failed.reason == "stalled"
    assert "no progress for 0.5 s" in str(failed)
    assert failed.log_tail.endswith("about to hang\n")


async def test_signal_is_crashed_with_its_name(farm):
    failed = await failure(farm(), "segfault")

    assert failed.reason == "crashed"
    assert "SIGSEGV" in str(failed)
    assert failed.log_tail.endswith("about to segfault\n")


async def test_end_by_itself_is_crashed_with_its_status(farm):
    failed = await failure(farm(), "exit")

    assert failed.reason == "crashed"
    assert "exit code 7" in str(failed)


async def test_refusal_is_refused_with_its_message(farm):
    failed = await failure(farm(), "refuse")

    assert failed.reason == "refused"
    assert str(failed) == "the scene has no camera"


@pytest.mark.parametrize("act", ["eat", "eat_in_child"])
async def test_more_memory_than_allowed_is_out_of_memory_with_the_peak(farm, act):
    one = farm(ChildLimits(memory_bytes=150 * MIB))

    failed = await failure(one, act)

    assert failed.reason == "out_of_memory"
    assert failed.peak_memory_bytes > 150 * MIB
    assert "over the limit of 150 MiB" in str(failed)
    assert failed.log_tail.endswith(f"about to {act}\n")
    assert one.left() == []


@pytest.mark.parametrize("act", ["fill", "fill_temporary", "fill_in_child"])
async def test_l14_more_than_it_may_write_is_disk_and_all_of_it_goes(farm, act, tmp_path):
    one = farm(ChildLimits(disk=DiskLimits(most_bytes=30 * MIB)))

    failed = await failure(one, act)

    assert failed.reason == "disk"
    assert "over the limit of 30 MiB while rendering frame 1, and was killed" in str(failed)
    assert failed.log_tail.endswith(f"about to {act}\n")
    assert one.left() == []
    assert await asyncio.to_thread(lambda: list(tmp_path.glob("framefarm-child-*"))) == []


async def test_l14_a_million_files_are_disk_too(farm, monkeypatch):
    monkeypatch.setattr("framefarm.processes.disk_watch.MOST_FILES", 3_000)

    failed = await failure(farm(ChildLimits(disk=DiskLimits(most_bytes=1 << 40))), "scatter")

    assert failed.reason == "disk"
    assert "wrote more than 3,000 files" in str(failed)


async def test_a_full_disk_is_told_from_one_that_the_render_filled(farm, monkeypatch):
    limits = ChildLimits(disk=DiskLimits(reserve_bytes=50 * MIB))
    nearly_full = SimpleNamespace(free=20 * MIB)
    monkeypatch.setattr("framefarm.processes.disk_watch.shutil.disk_usage", lambda _: nearly_full)

    one = farm(limits)
    filled = await failure(one, "fill_up")
    refused = await failure(one, "refuse")

    assert filled.reason == "disk"
    assert "left 20 MiB free on the disk" in str(filled)
    assert refused.reason == "refused"


async def test_memory_that_processes_share_counts_once(farm):
    one = farm(ChildLimits(memory_bytes=300 * MIB))

    outcome = await one.render("share")

    assert len(one.started()) == 4
    assert outcome.files


async def test_gigabytes_of_output_leave_the_end_of_the_log_and_the_loop_alive(farm):
    one = farm()
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.001)
            beats += 1

    beating = asyncio.create_task(beat())
    outcome = await one.render("flood")
    beating.cancel()

    log = next(file for file in await outcome.later() if file.role == "log")
    text = await asyncio.to_thread(log.path.read_bytes)
    assert len(text) <= 8 * MIB
    assert text.endswith(b"the last line\n")
    # Had the loop read until there was no more, it would have come to none.
    assert beats > 100


async def test_output_without_progress_is_stalled(farm):
    failed = await failure(farm(), "flood_for_ever", stall_s=1.0)

    assert failed.reason == "stalled"
    assert "says nothing at all" in failed.log_tail


@pytest.mark.parametrize(
    ("act", "reason"), [("leave_and_hang", "stalled"), ("leave_and_die", "crashed")]
)
async def test_children_that_left_its_session_end_with_it(farm, act, reason):
    one = farm()

    failed = await failure(one, act, stall_s=1.5)

    assert failed.reason == reason
    assert len(one.started()) == 6
    assert one.left() == []


async def test_children_that_stay_after_a_good_frame_are_ended_before_the_next(farm):
    one = farm()
    assert (await one.render("leave")).files
    assert len(one.left()) == 6

    async with asyncio.timeout(60):
        while one.left():
            await one.executor.upkeep()
            await asyncio.sleep(0.05)

    assert (await one.render("nothing")).files
    assert one.left() == []


async def test_cancelled_unit_leaves_nothing(farm):
    one = farm()
    task = asyncio.create_task(one.render("leave_and_hang"))
    await until(lambda: len(one.started()) == 6)

    task.cancel()
    await asyncio.wait([task], timeout=60)

    assert task.cancelled()
    assert one.left() == []


async def test_what_outlives_its_guardian_is_found_by_its_mark(farm):
    one = farm()
    task = asyncio.create_task(one.render("eat_in_child"))
    await until(lambda: bool(one.started()))
    child = psutil.Process(one.started()[0])
    guardian = child.parents()[1]
    assert "guardian.py" in " ".join(guardian.cmdline())

    guardian.kill()

    with pytest.raises(UnitFailedError):
        await task
    assert one.left() == []


async def test_limits_hold_for_everything_below(tmp_path):
    core = min(os.sched_getaffinity(0))
    limits = ChildLimits(cores=(core,), niceness=7, environment={"CUDA_VISIBLE_DEVICES": "GPU-1"})
    warm = await WarmBlender.start(stand_in(tmp_path), scratch_dir=tmp_path, limits=limits)

    blender = psutil.Process(warm.pid)

    assert blender.cpu_affinity() == [core]
    assert blender.nice() == psutil.Process().nice() + 7
    assert blender.environ()["CUDA_VISIBLE_DEVICES"] == "GPU-1"
    await warm.quit()
    assert not runs(warm.pid)


async def test_nothing_outlives_a_killed_agent(tmp_path):
    script = f"""
import asyncio, pathlib
from framefarm.blender.warm import WarmBlender
from tests.integration.agent.stand_in import stand_in
async def main():
    folder = pathlib.Path({str(tmp_path)!r})
    warm = await WarmBlender.start(stand_in(folder), scratch_dir=folder)
    (folder / "x.blend").write_text("BLENDER-v500 leave_and_hang")
    await warm.open(folder / "x.blend")
    await warm.render(1, folder)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    pids = tmp_path / "pids"
    await until(lambda: pids.exists() and len(pids.read_text().split()) == 6)
    started = [int(pid) for pid in pids.read_text().split()]

    process.send_signal(signal.SIGKILL)
    await process.wait()

    await until(lambda: not any(runs(pid) for pid in started))
