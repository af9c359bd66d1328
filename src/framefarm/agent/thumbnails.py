"""Thumbnails, made in processes of their own: a picture that crashes its decoder ends no worker."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from framefarm.agent.executors.holding import Holder
from framefarm.media.warm import WarmEncoder
from framefarm.processes.threadpool import NICENESS

if TYPE_CHECKING:
    from pathlib import Path

    from framefarm.processes.child_process import ChildLimits

AT_ONCE = 2
"""Processes at most, for all slots; one takes about 20 thumbnails a second."""

STALL_S = 30.0
MAX_BYTES = 1 << 30
"""One that holds more between two pictures is renewed."""


class Thumbnailer:
    """Keeps the processes that make thumbnails; none before the first picture.

    Args:
        scratch_dir: For their temporary files.
        limits: What each may take.
        idle_s: One that did nothing for this long is ended.
    """

    def __init__(self, scratch_dir: Path, limits: ChildLimits, *, idle_s: float) -> None:
        self._scratch_dir = scratch_dir
        self._limits = replace(limits, niceness=limits.niceness + NICENESS)
        self._idle_s = idle_s
        self._room = asyncio.Semaphore(AT_ONCE)
        self._all: list[Holder[None, WarmEncoder]] = []
        self._free: list[Holder[None, WarmEncoder]] = []

    async def make(self, picture: Path, out: Path) -> None:
        """Make one of a picture.

        Raises:
            ChildError: It could not be made.
        """
        async with self._room:
            # Of those that are free the one used last, so that the others are idle together.
            holder = self._free.pop() if self._free else self._another()
            try:
                process = await holder.get(None)
                await process.thumbnail(picture, out, stall_s=STALL_S)
            finally:
                self._free.append(holder)

    async def upkeep(self) -> None:
        """End those that were idle too long. Never raises."""
        for _ in range(len(self._free)):
            # Not by way of the room: whoever looks after the agent does not wait for a picture.
            holder = self._free.pop(0)
            try:
                await holder.renew_if_spent()
            finally:
                self._free.append(holder)

    async def close(self) -> None:
        """Kill them; there is nothing in them to save."""
        await asyncio.gather(*(holder.kill() for holder in self._all))

    def _another(self) -> Holder[None, WarmEncoder]:
        holder = Holder(self._start, idle_s=self._idle_s, max_bytes=MAX_BYTES)
        self._all.append(holder)
        return holder

    async def _start(self, _: None) -> WarmEncoder:
        return await WarmEncoder.start(scratch_dir=self._scratch_dir, limits=self._limits)
