"""Ctrl-C and SIGTERM as messages in a queue, so that stopping happens in one place, in order."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from queue import SimpleQueue
from types import FrameType, TracebackType
from typing import Any, Self

from framefarm.cli.failures import INTERRUPTED


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Somebody wants the command to end."""


class Interruptions:
    """While active, puts `Interrupted` into a queue instead of raising KeyboardInterrupt anywhere.

    A second signal ends the process at once: whoever presses Ctrl-C twice means it.

    Args:
        queue: Where to put it. `SimpleQueue.put` may be called from a signal handler.
    """

    def __init__(self, queue: SimpleQueue[Any]) -> None:
        self._queue = queue
        self._old: dict[int, Any] = {}
        self._told = False

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._old[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._told:
            os._exit(INTERRUPTED)
        self._told = True
        self._queue.put(Interrupted())
