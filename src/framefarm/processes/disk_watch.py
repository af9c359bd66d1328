"""Watching how much a child writes into its folders, and its limit."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framefarm.core.sizes import told_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

EVERY_S = 0.5
MOST_FILES = 100_000
"""Files of one child; more are no render's, and would take long to look at."""

_BLOCK_BYTES = 512


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What lies in some folders.

    Attributes:
        size_bytes: Room that it takes on the disk.
        files: How many there are; counting ends a little above `MOST_FILES`.
    """

    size_bytes: int = 0
    files: int = 0


@dataclass(frozen=True, slots=True)
class DiskLimits:
    """How much a child may write.

    Attributes:
        most_bytes: Into its own folders together; 0 for any amount.
        reserve_bytes: What the disk is to keep free. Once half of that is gone, whoever took as
            much as the whole of it ends; 0 for no reserve.
    """

    most_bytes: int = 0
    reserve_bytes: int = 0


NO_DISK_LIMITS = DiskLimits()


def disk_use(folders: Iterable[Path]) -> DiskUse:
    """How much lies below some folders; those that are not there hold nothing. Blocks."""
    size_bytes = files = 0
    for folder in folders:
        for entry in _entries(str(folder)):
            files += 1
            size_bytes += _room_of(entry)
            if files > MOST_FILES:
                return DiskUse(size_bytes, files)
    return DiskUse(size_bytes, files)


def excess_of(use: DiskUse, free_bytes: int, limits: DiskLimits) -> str | None:
    """Why a child that wrote so much is to be ended, None when it is not; pure."""
    wrote = f"wrote {told_size(use.size_bytes)}"
    if 0 < limits.most_bytes < use.size_bytes:
        return f"{wrote}, over the limit of {told_size(limits.most_bytes)}"
    if use.files > MOST_FILES:
        return f"wrote more than {MOST_FILES:,} files"
    if free_bytes < limits.reserve_bytes // 2 and use.size_bytes >= limits.reserve_bytes:
        return f"{wrote} and left {told_size(free_bytes)} free on the disk"
    return None


class DiskWatch:
    """Looks at a child's folders again and again.

    Args:
        home: Its own folder for temporary files.
        limits: How much it may write.
        end: Ends it, when it wrote more.

    Attributes:
        work: Where it writes what it is asked for now, None for nowhere.
        excess: What was too much, once it was, in words that follow "Blender".
    """

    def __init__(self, home: Path, limits: DiskLimits, *, end: Callable[[], None]) -> None:
        self._home = home
        self._limits = limits
        self._end = end
        self.work: Path | None = None
        self.excess: str | None = None

    async def run(self) -> None:
        """Watch until cancelled, or until there was too much."""
        if self._limits == NO_DISK_LIMITS:
            return
        while self.excess is None:
            await asyncio.sleep(EVERY_S)
            await self.look()
        self._end()

    async def look(self) -> str | None:
        """Look now; returns what is too much. What fills a disk in a moment is found after it."""
        if self.excess is None and self._limits != NO_DISK_LIMITS:
            folders = [self._home] if self.work is None else [self._home, self.work]
            self.excess = await asyncio.to_thread(self._seen, folders)
        return self.excess

    def _seen(self, folders: list[Path]) -> str | None:
        try:
            free_bytes = shutil.disk_usage(self._home).free
        except OSError:
            return None
        return excess_of(disk_use(folders), free_bytes, self._limits)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            for entry in found:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    yield from _entries(entry.path)
    except OSError:
        # It was removed while it was looked at.
        return


def _room_of(entry: os.DirEntry[str]) -> int:
    try:
        stat = entry.stat(follow_symlinks=False)
    except OSError:
        return 0
    # A file with holes takes less than its size.
    return stat.st_blocks * _BLOCK_BYTES if hasattr(stat, "st_blocks") else stat.st_size
