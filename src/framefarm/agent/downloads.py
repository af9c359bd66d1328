"""Fetching a blob from the manager: resumed where it broke off, checked by its hash."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import httpx

from framefarm.agent.backoff import full_jitter
from framefarm.agent.disk import sync_file
from framefarm.agent.errors import BlobDamagedError, BlobMissingError, BlobRefusedError, FetchError
from framefarm.agent.outbox import hash_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path
    from typing import BinaryIO

    from framefarm.agent.backoff import Die
    from framefarm.agent.journal import Journal

MAX_TRIES = 10
"""With full jitter about one and a half minutes: as long as a manager's restart may take."""

MAX_DAMAGED = 2
"""A second download of the same wrong bytes is no accident of the line any more."""

_BUFFER_BYTES = 1 << 20
_OK, _PARTIAL, _REFUSED, _MISSING, _RANGE_REFUSED = 200, 206, 403, 404, 416


class Downloader:
    """Fetches blobs by hash.

    Args:
        http: Client with the manager's address.
        key: The worker's secret, None before the first welcome.
        die: Random number from 0 up to 1.
        journal: Told of tries that failed.
        sleep: Waits between tries.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        key: Callable[[], str | None],
        die: Die,
        journal: Journal,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._key = key
        self._die = die
        self._journal = journal
        self._sleep = sleep

    async def fetch(
        self, sha256: str, size_bytes: int, part: Path, arrived: Callable[[int], None]
    ) -> None:
        """Make `part` the blob with this hash. What it holds already is gone on from.

        Args:
            sha256: Which blob.
            size_bytes: How large it is; more is not taken.
            part: Where to; stays behind, as far as it got, when this fails.
            arrived: Told, as they come, how many bytes are there.

        Raises:
            BlobMissingError: The manager has no such blob.
            BlobRefusedError: It does not let this worker have it.
            BlobDamagedError: Other bytes came, again after starting anew.
            FetchError: The manager could not be reached, or failed, too often.
            OSError: The disk is full or failed.
        """
        damaged = 0
        for attempt in range(1, MAX_TRIES + 1):
            problem = await self._try(sha256, size_bytes, part, arrived)
            if problem is None and await self._matches(part, sha256, size_bytes):
                return
            if problem is None:
                damaged += 1
                _start_anew(part)
            if damaged >= MAX_DAMAGED:
                raise BlobDamagedError(sha256, "its content does not have this hash")
            if attempt == MAX_TRIES:
                raise FetchError(sha256, problem or "its content does not have this hash")
            if problem is not None:
                pause_s = full_jitter(attempt, self._die)
                self._journal.warning(
                    "file not fetched, trying again",
                    sha256=sha256,
                    problem=problem,
                    again_in_s=round(pause_s, 1),
                )
                await self._sleep(pause_s)
        raise FetchError(sha256, "no try was left")

    async def _try(
        self, sha256: str, size_bytes: int, part: Path, arrived: Callable[[int], None]
    ) -> str | None:
        """Go on with a download.

        Returns:
            None when all bytes are there, else why not.
        """
        have = _size_bytes(part)
        if have is not None and have >= size_bytes:
            return None
        try:
            async with self._answer(sha256, have or 0) as response:
                return await _receive(response, size_bytes, part, arrived)
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}"

    @contextlib.asynccontextmanager
    async def _answer(self, sha256: str, have: int) -> AsyncIterator[httpx.Response]:
        headers = {"Range": f"bytes={have}-"} if have else {}
        if key := self._key():
            headers["Authorization"] = f"Bearer {key}"
        async with self._http.stream("GET", f"/api/blobs/{sha256}", headers=headers) as response:
            if response.status_code == _MISSING:
                raise BlobMissingError(sha256, "the manager does not have it")
            if response.status_code == _REFUSED:
                raise BlobRefusedError(sha256, "no lease that the manager knows of needs it")
            yield response

    @staticmethod
    async def _matches(part: Path, sha256: str, size_bytes: int) -> bool:
        if await asyncio.to_thread(hash_file, part) != (sha256, size_bytes):
            return False
        await asyncio.to_thread(sync_file, part)
        return True


async def _receive(
    response: httpx.Response, size_bytes: int, part: Path, arrived: Callable[[int], None]
) -> str | None:
    status = response.status_code
    if status == _RANGE_REFUSED:
        _start_anew(part)
    if status not in (_OK, _PARTIAL):
        return f"HTTP {status}"
    with part.open("ab" if status == _PARTIAL else "wb", _BUFFER_BYTES) as file:
        return await _copy(response, file, size_bytes, arrived)


async def _copy(
    response: httpx.Response, file: BinaryIO, size_bytes: int, arrived: Callable[[int], None]
) -> str | None:
    # Not in chunks of a size: httpx would throw away a chunk begun when the connection breaks. The
    # file's own buffer keeps it; writing 1 MiB to the page cache is too short to need a thread.
    async for chunk in response.aiter_bytes():
        file.write(chunk)
        arrived(file.tell())
        if file.tell() > size_bytes:
            break
    have = file.tell()
    return None if have >= size_bytes else f"it broke off after {have:,} of {size_bytes:,} bytes"


def _size_bytes(part: Path) -> int | None:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return None


def _start_anew(part: Path) -> None:
    part.unlink(missing_ok=True)
