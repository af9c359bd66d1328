"""A loop that ends before its child was ended, as when a stop takes too long."""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path

import pytest

from framefarm.processes.child_process import ChildProcess

# Holds its socket in another process, which ends by itself when the socket closes.
LEAVES_ANOTHER = """
import os, socket, sys
ours = socket.socket(fileno=int(sys.argv[2]))
if os.fork() == 0:
    os.closerange(0, 3)
    ours.recv(1)
"""


async def ended_child(folder: Path) -> ChildProcess:
    """A child that ended; the socket to it is open all the same."""
    command = [sys.executable, "-c", LEAVES_ANOTHER]
    child = await ChildProcess.spawn(command, log_limit_bytes=1024, scratch_dir=folder)
    await child.exit_code()
    return child


@pytest.mark.parametrize("steps", [None, 0, 1, 2, 3])
def test_no_socket_stays_open_however_far_a_child_was_ended(tmp_path: Path, steps: int | None):
    """It would be reported when it is collected, which another test would be blamed for."""
    before = sockets()
    ending: list[asyncio.Task[None]] = []

    async def leave() -> None:
        of_the_loop = sockets()
        child = await ended_child(tmp_path)
        assert sockets() == of_the_loop + 1
        if steps is not None:
            ending.append(asyncio.create_task(child.kill()))
            for _ in range(steps):
                await asyncio.sleep(0)

    asyncio.run(leave())

    assert sockets() == before
    gc.collect()


def sockets() -> int:
    """How many this process has open, those of a running loop too."""
    return sum("socket:" in str(_target(file)) for file in Path("/proc/self/fd").iterdir())


def _target(file: Path) -> Path | None:
    try:
        return file.readlink()
    except FileNotFoundError:
        return None
