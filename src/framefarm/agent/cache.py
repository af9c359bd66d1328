"""Files by the hash of their content, fetched once and kept while there is room."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Protocol

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

    A file in use is pinned and never goes. Many askers of one file share one fetch. All of it
    belongs to one event loop.

    Args:
        root: Where the files lie.
        limit_bytes: Most they may take; exceeded only while files in use alone do.
        fetcher: Where missing ones come from.
        journal: For what is worth knowing.
    """

    def __init__(self, root: Path, *, limit_bytes: int, fetcher: Fetcher, journal: Journal) -> None:
        self._blobs = root / "blobs"
        self._parts = root / "parts"
        self._limit_bytes = limit_bytes
        self._fetcher = fetcher
        self._journal = journal
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._total_bytes = 0
        self._pins: Counter[str] = Counter()
        self._fetches: dict[str, asyncio.Task[None]] = {}
        self._askers: dict[str, list[Callable[[int], None]]] = {}

    def load(self) -> None:
        """Find what an earlier process left, oldest use first. Blocks on the disk."""
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._parts.mkdir(parents=True, exist_ok=True)
        found = sorted((stat.st_atime_ns, path.name, stat.st_size) for path, stat in self._walk())
        for _, sha256, size_bytes in found:
            self._enter(sha256, size_bytes)
        self._make_room()

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
            yield self._path(sha256)
        finally:
            self._pins[sha256] -= 1
            if not self._pins[sha256]:
                del self._pins[sha256]
            self._make_room()

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
        path = self._path(sha256)
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

        def tell(have_bytes: int) -> None:
            for arrived in self._askers.get(sha256, ()):
                arrived(have_bytes)

        await self._fetcher.fetch(sha256, size_bytes, part, tell)
        self._put(part, sha256, size_bytes)
        self._journal.debug("file fetched", sha256=sha256, size_bytes=size_bytes)

    def _put(self, path: Path, sha256: str, size_bytes: int) -> None:
        target = self._path(sha256)
        target.parent.mkdir(exist_ok=True)
        path.replace(target)
        self._enter(sha256, size_bytes)
        self._make_room()

    def _enter(self, sha256: str, size_bytes: int) -> None:
        self._total_bytes += size_bytes - self._sizes.get(sha256, 0)
        self._sizes[sha256] = size_bytes
        self._sizes.move_to_end(sha256)

    def _forget(self, sha256: str) -> None:
        self._total_bytes -= self._sizes.pop(sha256)
        with contextlib.suppress(OSError):
            self._path(sha256).unlink()

    def _make_room(self) -> None:
        if self._total_bytes <= self._limit_bytes:
            return
        for sha256 in [name for name in self._sizes if name not in self._pins]:
            if self._total_bytes <= self._limit_bytes:
                return
            self._forget(sha256)

    def _path(self, sha256: str) -> Path:
        return self._blobs / sha256[:2] / sha256

    def _walk(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._blobs.glob("??/*"):
            with contextlib.suppress(OSError):
                yield path, path.stat()


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
