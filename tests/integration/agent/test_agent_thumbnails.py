"""Thumbnails are made in processes of their own, whose death costs a thumbnail and nothing else."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from framefarm.agent.executors.frames import FrameFiles
from framefarm.agent.thumbnails import AT_ONCE, Thumbnailer
from framefarm.agent.work import ProducedFile
from framefarm.processes.child_process import NO_LIMITS
from framefarm.processes.errors import ChildCrashedError, ChildRefusedError
from tests.integration.agent.resources import JOURNAL
from tests.integration.agent.stand_in import until
from tests.integration.api.manager import picture

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a guardian")


def makers() -> list[psutil.Process]:
    """The processes that make thumbnails, of this one's."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.cmdline()[-4:-2] == ["-m", "framefarm.media.driver"]
        and "guardian.py" not in " ".join(process.cmdline())
    ]


@pytest.fixture
async def thumbnails(tmp_path: Path) -> AsyncIterator[Thumbnailer]:
    made = Thumbnailer(tmp_path, NO_LIMITS, idle_s=60.0)
    yield made
    await made.close()
    assert makers() == []


def drawn(folder: Path, name: str = "a.png", size: tuple[int, int] = (640, 360)) -> Path:
    path = folder / name
    path.write_bytes(picture(*size))
    return path


async def test_there_is_no_process_before_the_first_picture_and_one_for_many(
    thumbnails: Thumbnailer, tmp_path: Path
):
    before = makers()
    small = drawn(tmp_path)
    pids = set()
    for number in range(3):
        out = tmp_path / f"{number}.webp"
        await thumbnails.make(small, out)
        assert out.read_bytes()[8:12] == b"WEBP"
        pids |= {process.pid for process in makers()}

    assert before == []
    assert len(pids) == 1


async def test_what_kills_its_process_costs_one_thumbnail(thumbnails: Thumbnailer, tmp_path: Path):
    small, out = drawn(tmp_path), tmp_path / "out.webp"
    await thumbnails.make(small, out)
    [maker] = makers()
    maker.send_signal(signal.SIGSTOP)
    making = asyncio.create_task(thumbnails.make(small, tmp_path / "lost.webp"))
    await asyncio.sleep(0)
    maker.send_signal(signal.SIGSEGV)
    maker.send_signal(signal.SIGCONT)

    with pytest.raises(ChildCrashedError, match=r"while shrinking a\.png: killed by SIGSEGV"):
        await making
    await thumbnails.make(small, out)

    assert not (tmp_path / "lost.webp").exists()
    assert [process.pid for process in makers()] != [maker.pid]


async def test_a_frame_whose_picture_kills_has_its_log_and_no_thumbnail(
    thumbnails: Thumbnailer, tmp_path: Path
):
    # 12,000 x 12,000 pixels keep it busy for long enough to be killed in their middle.
    image = ProducedFile(drawn(tmp_path, "big.png", (12_000, 12_000)), "big.png", "image")
    files = FrameFiles(1, (image,), (), "Saved\n", tmp_path, JOURNAL)
    making = asyncio.create_task(files.make_extras(thumbnails))
    await until(lambda: any(process.cpu_times().user > 0.5 for process in makers()))
    [maker] = makers()
    maker.kill()

    assert [file.role for file in await making] == ["log"]


async def test_no_picture_is_refused_and_the_process_goes_on(
    thumbnails: Thumbnailer, tmp_path: Path
):
    small = drawn(tmp_path)
    await thumbnails.make(small, tmp_path / "out.webp")
    [maker] = makers()
    text = tmp_path / "text.png"
    text.write_bytes(b"no picture")

    with pytest.raises(ChildRefusedError):
        await thumbnails.make(text, tmp_path / "none.webp")

    assert makers() == [maker]


async def test_l14_so_many_are_made_at_once_and_no_more(thumbnails: Thumbnailer, tmp_path: Path):
    small = drawn(tmp_path)

    outs = [tmp_path / f"{number}.webp" for number in range(10)]
    await asyncio.gather(*(thumbnails.make(small, out) for out in outs))

    assert len(makers()) == AT_ONCE
    assert all(out.exists() for out in outs)


async def test_those_that_were_idle_too_long_are_ended(tmp_path: Path):
    thumbnails = Thumbnailer(tmp_path, NO_LIMITS, idle_s=0.0)
    await thumbnails.make(drawn(tmp_path), tmp_path / "out.webp")
    assert len(makers()) == 1

    await thumbnails.upkeep()

    assert makers() == []
    await thumbnails.close()
