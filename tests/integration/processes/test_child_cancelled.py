"""Ending a child is cancelled in its middle, as by a manager that stops."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from framefarm.processes.child_process import ChildProcess

HEARS_NOTHING = "import time; time.sleep(600)"


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.2])
@pytest.mark.parametrize("way", ["end", "kill"])
async def test_whoever_cancels_the_end_of_a_child_waits_for_it(
    tmp_path: Path, way: str, after_s: float
):
    command = [sys.executable, "-c", HEARS_NOTHING]
    child = await ChildProcess.spawn(command, log_limit_bytes=1024, scratch_dir=tmp_path)
    ways = {"end": lambda: child.end({"order": "quit"}, grace_s=60.0), "kill": child.kill}
    ending = asyncio.create_task(ways[way]())
    await asyncio.sleep(after_s)

    ending.cancel()
    [error] = await asyncio.gather(ending, return_exceptions=True)

    assert error is None or isinstance(error, asyncio.CancelledError)
    assert after_s == 0.0 or not child.alive
    await child.kill()
    assert not child.alive
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []
