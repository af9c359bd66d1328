"""Long work in a thread that ends when its unit is cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor as Pool

    from framefarm.agent.executors.contract import Progress

_T = TypeVar("_T")
Report = Callable[[int], None]
"""Called from the thread with how many steps are done; raises when the unit was cancelled."""


class ThreadCancelledError(Exception):
    """Raised inside the thread, so that it leaves its work and cleans up."""


async def in_thread(
    pool: Pool, work: Callable[[Report], _T], *, total: int, phase: str, progress: Progress
) -> _T:
    """Run `work` in a thread of `pool`.

    A thread cannot be killed; it is told at its next step and waited for, because what it writes
    must not be cleaned up under its hands.

    Args:
        pool: Whose thread.
        work: Does it; calls what it is given after every step.
        total: How many steps there are.
        phase: For people.
        progress: Told of the steps, on the event loop.

    Returns:
        What `work` returned.
    """
    loop = asyncio.get_running_loop()
    cancelled = threading.Event()

    def report(done: int) -> None:
        if cancelled.is_set():
            raise ThreadCancelledError
        loop.call_soon_threadsafe(progress, done, total, phase)

    running = loop.run_in_executor(pool, work, report)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        cancelled.set()
        await asyncio.wait([running])
        running.exception()  # asked for, so that nobody is warned of it
        raise
