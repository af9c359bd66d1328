"""Threads that read the database: one, and a second for what waits behind a long read.

Most of a read is Python's own work, which one thread at a time does: two of them read no faster,
and the event loop, for which workers wait, waits longer for its turn (docs/performance.md). But a
read that takes a second is not to hold up all others.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

PATIENCE_S = 0.1
"""So long a read waits behind others before the second thread takes it."""


@dataclass(frozen=True)
class _Read:
    run: Callable[[], None]
    came_at: float = field(default_factory=time.monotonic)

    def waits_still_s(self) -> float:
        return self.came_at + PATIENCE_S - time.monotonic()


class Readers(Executor):
    """Runs reads in the order in which they come. May be used from any thread."""

    def __init__(self) -> None:
        self._first = ThreadPoolExecutor(1, "reading")
        self._second = ThreadPoolExecutor(1, "reading-beside")
        self._waiting: deque[_Read] = deque()
        self._lock = threading.Lock()
        self._is_helped = False

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run a function; see `Executor.submit`."""
        future: Future[_T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  whoever waits for it gets it
                future.set_exception(error)

        with self._lock:
            self._waiting.append(_Read(run))
            self._first.submit(self._take)
            if len(self._waiting) > 1 and not self._is_helped:
                self._is_helped = True
                self._second.submit(self._help)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  as in Executor
        """Run what has come, also with `cancel_futures`, and then nothing more."""
        self._first.shutdown(wait)
        self._second.shutdown(wait)

    def _take(self) -> None:
        with self._lock:
            read = self._waiting.popleft() if self._waiting else None
        if read is not None:  # else the other thread has taken it
            read.run()

    def _help(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_helped = False
                    return
                still_s = self._waiting[0].waits_still_s()
                read = self._waiting.popleft() if still_s <= 0 else None
            if read is not None:
                read.run()
            else:
                time.sleep(still_s)
