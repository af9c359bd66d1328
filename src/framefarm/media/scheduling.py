"""Encoders that would put themselves before everything else on a machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_THREADS = Path("/proc/self/task")


@contextlib.contextmanager
def keeps_its_turn() -> Iterator[None]:
    """Put all threads of this process back to how the caller is scheduled, whatever changed that.

    SVT-AV1 (4.1), when root opens it, makes the whole process real-time (SCHED_FIFO, 99). Niceness
    counts for nothing then, and all else on the machine stands still for seconds: renders, other
    people's work, the manager.
    """
    if not hasattr(os, "sched_getscheduler") or not _THREADS.is_dir():
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in _THREADS.iterdir():
            # One may have ended meanwhile.
            with contextlib.suppress(ProcessLookupError):
                if os.sched_getscheduler(int(thread.name)) != policy:
                    os.sched_setscheduler(int(thread.name), policy, priority)
