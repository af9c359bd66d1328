"""Files by the hash of their content, fetched once and kept while there is room."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import time
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Protocol

from framefarm.agent.disk import ROOM_AGAIN, free_bytes
from framefarm.core.sizes import told_size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from framefarm.agent.journal import Journal


class Fetcher(Protocol):
    """Where files come from."""

    async def fetch(
        self, sha256: str, size_bytes: int, part: Path, arrived: Callable[[int], None]
    ) -> None:
        """Make `part` the blob with this hash, or raise `FetchError` or `OSError`.

        `arrived` is told, as they come, how many bytes are there.
        """


def _nobody_listens(_: int) -> None:
    """The default of `BlobCache.use`."""


class BlobCache:
    """A bounded, content-addressed cache; the least recently used files go first.

    A file in use is pinned and never goes. Many askers of one file share one fetch. Before all
    others go the beginnings of downloads that broke off. All of it belongs to one event loop.

    Args:
        root: Where the files lie.
        limit_bytes: Most they may take; exceeded only while files in use alone do.
        reserve_bytes: Files go as well when less than this is free on the disk: results need it.
        fetcher: Where missing ones come from.
        journal: For what is worth knowing.
    """

    def __init__(
        self,
        root: Path,
        *,
        limit_bytes: int,
        fetcher: Fetcher,
        journal: Journal,
        reserve_bytes: int = 0,
    ) -> None:
        self._blobs = root / "blobs"
        self._parts = root / "parts"
        self._limit_bytes = limit_bytes
        self._reserve_bytes = reserve_bytes
        self._fetcher = fetcher
        self._journal = journal
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._total_bytes = 0
        self._pins: Counter[str] = Counter()
        self._begun: dict[str, int] = {}
        self._coming: dict[str, int] = {}
        self._fetches: dict[str, asyncio.Task[None]] = {}
        self._askers: dict[str, list[Callable[[int], None]]] = {}

    def load(self) -> None:
        """Find what an earlier process left, oldest use first. Blocks on the disk."""
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._parts.mkdir(parents=True, exist_ok=True)
        for path, stat in sorted(_files(self._parts, "*"), key=lambda it: it[1].st_mtime_ns):
            self._begun[path.name] = stat.st_size
        for path, stat in sorted(_files(self._blobs, "??/*"), key=lambda it: it[1].st_atime_ns):
            self._enter(path.name, stat.st_size)
        self.make_room()

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self._sizes

    @property
    def total_bytes(self) -> int:
        """What the files take."""
        return self._total_bytes

    def recent(self, most: int, *, least_bytes: int) -> tuple[str, ...]:
        """SHA-256 of files here of at least this size, those used last first."""
        large = (sha for sha, size in reversed(self._sizes.items()) if size >= least_bytes)
        return tuple(itertools.islice(large, most))

    @contextlib.asynccontextmanager
    async def use(
        self, sha256: str, size_bytes: int, arrived: Callable[[int], None] = _nobody_listens
    ) -> AsyncIterator[Path]:
        """Have a file at hand; it stays while the context is open. Never write to it.

        Args:
            sha256: Which content.
            size_bytes: Its size.
            arrived: While it is fetched, told how many of its bytes are there.

        Yields:
            Where it lies. Its name has no extension.

        Raises:
            FetchError: It cannot be had.
            OSError: The disk is full or failed.
        """
        self._pins[sha256] += 1
        try:
            if not self._is_there(sha256, size_bytes):
                await self._fetch_once(sha256, size_bytes, arrived)
            yield self.place_of(sha256)
        finally:
            self._pins[sha256] -= 1
            if not self._pins[sha256]:
                del self._pins[sha256]
            self.make_room()

    def place_of(self, sha256: str) -> Path:
        """Where a file lies, or would."""
        return self._blobs / sha256[:2] / sha256

    def make_room(self) -> None:
        """Let go of what is over the limit, or takes room on the disk that others need more."""
        excess_bytes = self._excess_bytes()
        for sha256 in [*self._begun, *(name for name in self._sizes if name not in self._pins)]:
            if excess_bytes <= 0:
                return
            is_begun = sha256 in self._begun
            excess_bytes -= self._forget_begun(sha256) if is_begun else self._forget(sha256)

    def adopt(self, path: Path, sha256: str, size_bytes: int) -> None:
        """Move a file in whose hash is known; a result of this worker that later stages may need.

        Raises:
            OSError: It could not be moved.
        """
        if sha256 in self._sizes or size_bytes > self._limit_bytes:
            return
        self._put(path, sha256, size_bytes)

    def _is_there(self, sha256: str, size_bytes: int) -> bool:
        if sha256 not in self._sizes:
            return False
        path = self.place_of(sha256)
        # People clean up folders, and a power cut can shorten a file that was moved in.
        if not _touch(path, size_bytes):
            self._forget(sha256)
            return False
        self._sizes.move_to_end(sha256)
        return True

    async def _fetch_once(
        self, sha256: str, size_bytes: int, arrived: Callable[[int], None]
    ) -> None:
        task = self._fetches.get(sha256)
        if task is None:
            task = asyncio.create_task(self._fetch(sha256, size_bytes))
            self._fetches[sha256] = task
        askers = self._askers.setdefault(sha256, [])
        askers.append(arrived)
        try:
            await asyncio.shield(task)
        finally:
            askers.remove(arrived)
            if not askers:
                # The last one who wanted it left; what came so far serves the next one.
                del self._askers[sha256]
                self._fetches.pop(sha256, None)
                task.cancel()

    async def _fetch(self, sha256: str, size_bytes: int) -> None:
        part = self._parts / sha256
        self._begun.pop(sha256, None)
        self._coming[sha256] = size_bytes
        try:
            self.make_room()
            self._check_room(sha256)
            await self._fetch_to(part, sha256, size_bytes)
        finally:
            self._coming.pop(sha256, None)
            if (have_bytes := _size_bytes(part)) > 0:
                self._begun[sha256] = have_bytes
        self._journal.debug("file fetched", sha256=sha256, size_bytes=size_bytes)

    async def _fetch_to(self, part: Path, sha256: str, size_bytes: int) -> None:
        def tell(have_bytes: int) -> None:
            for arrived in self._askers.get(sha256, ()):
                arrived(have_bytes)

        await self._fetcher.fetch(sha256, size_bytes, part, tell)
        del self._coming[sha256]
        self._put(part, sha256, size_bytes)

    def _check_room(self, sha256: str) -> None:
        """Refuse a download that would end in a full disk, before it takes what is left of it."""
        free, to_come = free_bytes(self._parts), self._to_come_bytes()
        if free - self._reserve_bytes < to_come:
            needed = told_size(self._coming[sha256])
            there = told_size(max(0, free - self._reserve_bytes))
            raise OSError(errno.ENOSPC, f"it has {needed}, the worker's disk has room for {there}")

    def _put(self, path: Path, sha256: str, size_bytes: int) -> None:
        target = self.place_of(sha256)
        target.parent.mkdir(exist_ok=True)
        path.replace(target)
        self._enter(sha256, size_bytes)
        self.make_room()

    def _enter(self, sha256: str, size_bytes: int) -> None:
        self._total_bytes += size_bytes - self._sizes.get(sha256, 0)
        self._sizes[sha256] = size_bytes
        self._sizes.move_to_end(sha256)

    def _forget(self, sha256: str) -> int:
        """Delete a file; returns how large it was."""
        size_bytes = self._sizes.pop(sha256)
        self._total_bytes -= size_bytes
        with contextlib.suppress(OSError):
            self.place_of(sha256).unlink()
        return size_bytes

    def _forget_begun(self, sha256: str) -> int:
        with contextlib.suppress(OSError):
            (self._parts / sha256).unlink()
        return self._begun.pop(sha256)

    def _excess_bytes(self) -> int:
        held = self._total_bytes + sum(self._begun.values()) + sum(self._coming.values())
        left = free_bytes(self._parts) - self._to_come_bytes()
        # More than is missing, or the next frame would be short of room again.
        missing = round(self._reserve_bytes * ROOM_AGAIN) - left
        return max(held - self._limit_bytes, missing if left < self._reserve_bytes else 0)

    def _to_come_bytes(self) -> int:
        """What the downloads that are on their way will still take of the disk."""
        coming = self._coming.items()
        return sum(max(0, size - _size_bytes(self._parts / sha256)) for sha256, size in coming)


def _files(folder: Path, pattern: str) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            yield path, path.stat()


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _touch(path: Path, size_bytes: int) -> bool:
    """Note on the disk that a file was used now; False when it is not whole any more.

    The time of access, explicitly, as many disks are mounted without it. Not that of modification:
    Blender and this package take a file for changed when that moves.
    """
    try:
        stat = path.stat()
        os.utime(path, ns=(time.time_ns(), stat.st_mtime_ns))
    except OSError:
        return False
    return stat.st_size == size_bytes
