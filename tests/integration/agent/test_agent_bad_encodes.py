"""Encodes that crash, hang, eat memory or are cancelled: real processes, told apart.

Whatever they do, the worker goes on and the next unit is made.
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from framefarm.agent.errors import UnitFailedError
from framefarm.agent.executors.contract import SlotResources
from framefarm.agent.executors.media import MediaExecutor
from framefarm.agent.work import Outcome
from framefarm.processes.child_process import ChildLimits
from framefarm.protocol.messages import InputFile
from framefarm.protocol.tasks import JoinTask, MovieTask
from tests.integration.agent.resources import slot_resources, unit_work
from tests.integration.agent.stand_in import runs, until
from tests.integration.api.manager import picture

MIB = 1 << 20
LARGE = (4096, 2160)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a guardian")


class Encodes:
    """A slot that encodes the same picture again and again."""

    def __init__(self, resources: SlotResources, folder: Path) -> None:
        self.resources = resources
        self.folder = folder
        self.executor = MediaExecutor(resources)
        self.encoding = asyncio.Event()
        self.joining = asyncio.Event()
        self._units = 0

    def frames(self, count: int, width: int = 64, height: int = 48) -> tuple[InputFile, ...]:
        path = self.folder / "frame.png"
        path.write_bytes(picture(width, height))
        return (self.adopt(path),) * count

    def adopt(self, path: Path) -> InputFile:
        """Put a file into the cache."""
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        self.resources.cache.adopt(path, sha256, len(content))
        return InputFile(1, path.name, sha256, len(content))

    async def encode(
        self,
        frames: tuple[InputFile, ...],
        *,
        size: tuple[int, int] = (64, 48),
        stall_s: float = 60.0,
    ) -> Outcome:
        self._units += 1
        self.encoding.clear()
        workdir = self.folder / f"unit-{self._units}"
        await asyncio.to_thread(workdir.mkdir)
        task = MovieTask("mp4", "h264", 24, 1, *size, segment_frames=48)
        work = unit_work("movie", task, unit=self._units, inputs=frames, limit_s=stall_s)
        return await self.executor.run(work, workdir, self._progress)

    async def join(self, segment: InputFile, frames: int) -> Outcome:
        self._units += 1
        workdir = self.folder / f"unit-{self._units}"
        await asyncio.to_thread(workdir.mkdir)
        task = JoinTask(MovieTask("mp4", "h264", 24, 1, 64, 48), "shot.mp4", frames)
        work = unit_work("join", task, unit=0, inputs=(segment,))
        return await self.executor.run(work, workdir, self._progress)

    def _progress(self, done: int, _: int, phase: str) -> None:
        if phase == "joining":
            self.joining.set()
        if phase == "encoding" and done:
            self.encoding.set()

    async def begun(self, frames: tuple[InputFile, ...], **more: float) -> asyncio.Task[Outcome]:
        """An encode in its middle."""
        task = asyncio.create_task(self.encode(frames, **more))
        waiting = asyncio.create_task(self.encoding.wait())
        await asyncio.wait({task, waiting}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        assert waiting.done()
        assert not task.done()
        return task


def encoders() -> list[psutil.Process]:
    """The processes below this one that encode."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.cmdline()[-4:-2] == ["-m", "framefarm.media.driver"]
        and "guardian.py" not in " ".join(process.cmdline())
    ]


@pytest.fixture
async def slot(tmp_path: Path) -> AsyncIterator[Callable[..., Encodes]]:
    made: list[Encodes] = []
    async with slot_resources(tmp_path) as resources:

        def make(limits: ChildLimits | None = None) -> Encodes:
            given = replace(resources, limits=limits or ChildLimits())
            made.append(Encodes(given, tmp_path))
            return made[-1]

        yield make
        for one in made:
            await one.executor.close()
        assert encoders() == []


async def failure(task: asyncio.Task[Outcome]) -> UnitFailedError:
    with pytest.raises(UnitFailedError) as caught:
        await asyncio.wait_for(task, 60)
    return caught.value


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_encode_that_a_signal_ends_is_crashed_with_its_name_and_the_next_is_made(
    slot: Callable[..., Encodes], number: signal.Signals
):
    one = slot()
    task = await one.begun(one.frames(20_000))
    (encoder,) = encoders()

    encoder.send_signal(number)
    failed = await failure(task)

    assert failed.reason == "crashed"
    assert f"the encoder ended while encoding 20000 frames as h264: killed by {number.name}" in str(
        failed
    )
    assert "libx264" in failed.log_tail
    assert (await one.encode(one.frames(4))).facts.extra == {"frames": 4}
    assert encoders()[0].pid != encoder.pid


async def test_log_of_a_segfault_tells_where_it_was(slot: Callable[..., Encodes]):
    one = slot()
    task = await one.begun(one.frames(20_000))

    encoders()[0].send_signal(signal.SIGSEGV)

    assert "encode_segment" in (await failure(task)).log_tail


async def test_encode_that_hangs_is_stalled_and_the_next_is_made(slot: Callable[..., Encodes]):
    one = slot()
    task = await one.begun(one.frames(20_000), stall_s=1.0)
    (encoder,) = encoders()

    encoder.suspend()
    failed = await failure(task)

    assert failed.reason == "stalled"
    assert "no progress for 1 s" in str(failed)
    assert not runs(encoder.pid)
    assert (await one.encode(one.frames(4))).files


async def test_encode_beyond_its_memory_is_out_of_memory_with_the_peak(
    slot: Callable[..., Encodes],
):
    one = slot(ChildLimits(memory_bytes=300 * MIB))

    failed = await failure(asyncio.create_task(one.encode(one.frames(40, *LARGE), size=LARGE)))

    assert failed.reason == "out_of_memory"
    assert failed.peak_memory_bytes > 300 * MIB
    assert "over the limit of 300 MiB" in str(failed)
    assert (await one.encode(one.frames(4))).files


async def test_cancelled_encode_is_killed_and_the_next_is_made(slot: Callable[..., Encodes]):
    one = slot()
    task = await one.begun(one.frames(20_000))
    (encoder,) = encoders()

    task.cancel()
    await asyncio.wait([task], timeout=60)

    assert task.cancelled()
    assert not runs(encoder.pid)
    assert (await one.encode(one.frames(4))).files


async def test_join_that_crashes_is_told_and_the_next_is_made(slot: Callable[..., Encodes]):
    one = slot()
    (made,) = (await one.encode(one.frames(4))).files
    segment = one.adopt(made.path)
    (encoder,) = encoders()
    encoder.suspend()
    joining = asyncio.create_task(one.join(segment, 4))
    await one.joining.wait()

    encoder.send_signal(signal.SIGKILL)
    failed = await failure(joining)

    assert failed.reason == "crashed"
    assert "while joining 1 segments: killed by SIGKILL" in str(failed)
    (movie,) = (await one.join(segment, 4)).files
    assert movie.role == "movie"


async def test_encoder_ends_when_it_was_idle_too_long(tmp_path: Path):
    async with slot_resources(tmp_path, idle_s=0.0) as resources:
        one = Encodes(resources, tmp_path)
        await one.encode(one.frames(2))
        (encoder,) = encoders()

        await one.executor.upkeep()

        assert encoders() == []
        assert not runs(encoder.pid)


async def test_encoder_is_kept_between_units(slot: Callable[..., Encodes]):
    one = slot()
    await one.encode(one.frames(2))
    before = encoders()

    await one.executor.upkeep()
    await one.encode(one.frames(2))

    assert len(before) == 1
    assert encoders() == before


async def test_limits_hold_for_the_encoder(slot: Callable[..., Encodes]):
    core = min(psutil.Process().cpu_affinity() or [0])
    one = slot(ChildLimits(cores=(core,), niceness=3))

    await one.encode(one.frames(2))

    (encoder,) = encoders()
    assert encoder.cpu_affinity() == [core]
    assert encoder.nice() == psutil.Process().nice() + 3 + 5
    assert "FRAMEFARM_KEY" not in encoder.environ()


async def test_no_encoder_outlives_a_killed_worker(tmp_path: Path):
    script = """
import asyncio
from framefarm.media.warm import WarmEncoder
async def main():
    encoder = await WarmEncoder.start()
    print(encoder.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    assert process.stdout is not None
    pid = int(await asyncio.wait_for(process.stdout.readline(), 30))
    assert runs(pid)

    process.kill()
    await process.wait()

    await until(lambda: not runs(pid))
