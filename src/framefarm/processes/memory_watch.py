"""Watching how much memory a child and everything below it holds, and its limit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framefarm.processes.process_tree import TreeUse, own_bytes_below, use_below

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_S = 0.5
"""A render fills memory at about 1 GB/s, so it may overshoot its limit by half of that."""

UNLIMITED_EVERY_S = 2.0
"""Where there is no limit, only the peak is wanted. A look takes 2 ms among 100 processes."""


@dataclass(frozen=True, slots=True)
class MemoryExcess:
    """A tree held more than it may.

    Attributes:
        peak_bytes: The most it was seen to hold.
        limit_bytes: What it was allowed.
    """

    peak_bytes: int
    limit_bytes: int


class MemoryWatch:
    """Looks at a process tree again and again.

    Args:
        root: Its topmost process.
        with_root: Whether that counts.
        limit_bytes: Most it may hold, 0 for any amount.
        end: Ends the tree, when it holds more.

    Attributes:
        peak_bytes: The most it was seen to hold since `forget_peak`.
        processes: How many they were when last looked at.
        excess: Set once it held too much.
    """

    def __init__(
        self, root: int, *, with_root: bool, limit_bytes: int, end: Callable[[], None]
    ) -> None:
        self._root = root
        self._with_root = with_root
        self._limit_bytes = limit_bytes
        self._end = end
        self.peak_bytes = 0
        self.processes = 0
        self.excess: MemoryExcess | None = None

    async def run(self) -> None:
        """Watch until cancelled, or until there was too much."""
        while self.excess is None:
            self._note(await asyncio.to_thread(self._look))
            await asyncio.sleep(EVERY_S if self._limit_bytes else UNLIMITED_EVERY_S)

    def forget_peak(self) -> None:
        """Start measuring the peak anew."""
        self.peak_bytes = 0

    def count(self) -> int:
        """How many processes there are right now; only looked at where there were several."""
        if self.processes > 1:
            self.processes = use_below(self._root, with_root=self._with_root).processes
        return self.processes

    def _look(self) -> TreeUse:
        use = use_below(self._root, with_root=self._with_root)
        if use.processes > 1 and 0 < self._limit_bytes < use.memory_bytes:
            # Counted once for each process, what they share may look like too much.
            own = own_bytes_below(self._root, with_root=self._with_root)
            return TreeUse(own, use.processes)
        return use

    def _note(self, use: TreeUse) -> None:
        self.processes = use.processes
        self.peak_bytes = max(self.peak_bytes, use.memory_bytes)
        if 0 < self._limit_bytes < use.memory_bytes:
            self.excess = MemoryExcess(self.peak_bytes, self._limit_bytes)
            self._end()
