"""Units that take time and space but need no Blender, to try a farm's plumbing."""

from __future__ import annotations

import asyncio
import functools
import math
import time
from typing import TYPE_CHECKING

from framefarm.agent.errors import UnitFailedError
from framefarm.agent.executors.contract import Progress, SlotResources, Unprepared, read_settings
from framefarm.agent.work import Outcome, ProducedFile
from framefarm.protocol.messages import UnitFacts
from framefarm.protocol.tasks import TrialTask

if TYPE_CHECKING:
    from pathlib import Path

    from framefarm.agent.work import UnitWork

_TELL_EVERY_S = 0.5
_TELL_FROM_S = 1.0
_ASPECT = 16 / 9
_PNG_OVERHEAD_BYTES = 200
_BYTES_PER_PIXEL = 3
_MAX_SIDE_PX = 16_384


class TrialExecutor(Unprepared):
    """Makes the units of `trial` stages."""

    def __init__(self, resources: SlotResources) -> None:
        self._resources = resources

    async def run(self, work: UnitWork, workdir: Path, progress: Progress) -> Outcome:
        """Wait as long as asked, then make an image when asked for one; see `Executor.run`."""
        task = read_settings(work, TrialTask)
        began = time.monotonic()
        await _wait(task.seconds, progress)
        files: tuple[ProducedFile, ...] = ()
        if task.image_bytes > 0:
            out = workdir / "trial.png"
            draw = functools.partial(draw_noise, out, task.image_bytes, seed=work.unit)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._resources.pool, draw)
            files = (ProducedFile(out, f"trial_{work.unit:04d}.png", "image"),)
        return Outcome(files, UnitFacts(seconds=time.monotonic() - began, device="none"))


async def _wait(seconds: float, progress: Progress) -> None:
    if seconds <= _TELL_FROM_S:
        await asyncio.sleep(max(0.0, seconds))
        return
    steps = math.ceil(seconds / _TELL_EVERY_S)
    for step in range(steps):
        progress(step, steps, "waiting")
        await asyncio.sleep(seconds / steps)
    progress(steps, steps, "waiting")


def image_size(image_bytes: int) -> tuple[int, int]:
    """Width and height of a picture of noise whose PNG is about so large; noise packs to itself."""
    pixels = max(1, (image_bytes - _PNG_OVERHEAD_BYTES) // _BYTES_PER_PIXEL)
    width = min(_MAX_SIDE_PX, max(1, round(math.sqrt(pixels * _ASPECT))))
    return width, min(_MAX_SIDE_PX, max(1, round(pixels / width)))


def draw_noise(out: Path, image_bytes: int, *, seed: int) -> None:
    """Write a PNG of 8-bit RGB noise.

    Args:
        out: Where.
        image_bytes: About how large it is to be.
        seed: The same one gives the same picture.

    Raises:
        UnitFailedError: It cannot be written.
    """
    # They take 0.3 s to load; an agent that only renders never needs them here.
    import numpy as np  # noqa: PLC0415
    from OpenImageIO import ImageOutput, ImageSpec  # noqa: PLC0415

    width, height = image_size(image_bytes)
    pixels = np.random.default_rng(abs(seed)).integers(0, 256, (height, width, 3), np.uint8)
    spec = ImageSpec(width, height, 3, "uint8")
    # Trying to pack noise only costs time.
    spec.attribute("png:compressionLevel", 0)
    target = ImageOutput.create("png")
    if target is None or not target.open(str(out), spec) or not target.write_image(pixels):
        raise UnitFailedError("error", f"the trial image cannot be written to {out}")
    target.close()
