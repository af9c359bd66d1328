"""Threads that give way to whatever else a machine has to do."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

NICENESS = 5
"""Enough to let others go first, too little to starve, as a movie beside an endless job."""


def low_priority_pool(name: str, threads: int) -> ThreadPoolExecutor:
    """A pool whose threads, and what they start, run at low priority where threads have one.

    Args:
        name: What its threads are called.
        threads: How many.
    """
    return ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=_give_way)


def _give_way() -> None:
    # Elsewhere a niceness belongs to the whole process, which must answer the manager in time.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
