"""Taking files in chunks: only what the farm lacks travels, and what broke off goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from framefarm.farm.accounts import Identity
from framefarm.farm.assembling import Assembly, GoneError, list_of
from framefarm.farm.chunk_index import chunked_blobs, forget_some
from framefarm.farm.ownership import check_room, check_waiting_room, keep_owner, sees_all
from framefarm.protocol.chunks import MAX_LIST_BYTES, Chunk, ChunkError
from framefarm.storage import BlobTooLargeError, Packs

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_LOOKED_AT = 1_000
_AT_ONCE = 2

_log = structlog.get_logger(__name__)


class Uploads:
    """Takes files in chunks.

    An artist's file is made of chunks that came from the same artist, and of files that are the
    artist's own: what others sent is not put in, nor is it told that it is here.

    Args:
        farm: Whose they are.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._packs: dict[int | None, Packs] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def take_pack(self, who: Identity | None, pack: bytes) -> int:
        """Keep chunks; returns how many.

        Raises:
            ChunkError: That is no pack.
            QuotaExceededError: The person has as many bytes as may be, or as many wait.
            StorageFullError: There is no room.
        """
        await check_room(self._farm, who)
        packs = self._packs_of(who)
        if who is not None and not sees_all(who):
            waiting = await asyncio.to_thread(packs.waiting_bytes)
            await check_waiting_room(self._farm, who, waiting + len(pack))
        return await asyncio.to_thread(packs.keep, pack)

    async def offer(
        self, who: Identity | None, sha256: str, size_bytes: int, pieces: Sequence[Chunk]
    ) -> list[bytes]:
        """Put a file together, or say what of it is not here.

        Args:
            who: Who asks.
            sha256: Of the whole file.
            size_bytes: Of the whole file.
            pieces: Of which the list of its chunks is made.

        Returns:
            Names of chunks that are needed, pieces of the list before chunks of the file, not
            always all of them; none when the file is a blob now.

        Raises:
            ChunkError: The chunks make no file of that size.
            BlobMismatchError: They make another file.
            QuotaExceededError: It is more than the person may have.
            StorageFullError: There is no room.
        """
        if size_bytes > self._farm.settings.largest_upload_bytes:
            raise BlobTooLargeError(self._farm.settings.largest_upload_bytes)
        if sum(piece.size for piece in pieces) > MAX_LIST_BYTES:
            raise ChunkError(f"The list of chunks may have at most {MAX_LIST_BYTES:,} bytes.")
        packs = self._packs_of(who)
        assembly = Assembly(self._farm, packs, who)
        async with self._turn:
            if await assembly.has(sha256):
                return []
            await check_room(self._farm, who, {sha256: size_bytes})
            await asyncio.to_thread(packs.load)
            try:
                missing = await assembly.make(sha256, size_bytes, pieces)
            except GoneError as error:
                # Another upload, of the same file or of one like it, has used it up meanwhile.
                return [] if await assembly.has(sha256) else [error.name]
            if not missing:
                await keep_owner(self._farm, who, [sha256])
            return missing

    def _packs_of(self, who: Identity | None) -> Packs:
        """What came from an artist, or from all others together."""
        key = None if who is None or sees_all(who) else who.user_id
        if key not in self._packs:
            root = self._farm.blobs.root
            folder = root / "packs" if key is None else _of_artists(root) / str(key)
            self._packs[key] = Packs(self._farm.blobs, folder)
        return self._packs[key]

    def _all_packs(self) -> Iterator[Packs]:
        """Also those of artists who have sent nothing since the manager's start."""
        root = self._farm.blobs.root
        known = {key for key in self._packs if key is not None}
        yield from list(self._packs.values())
        if None not in self._packs:
            yield Packs(self._farm.blobs, root / "packs")
        folders = _of_artists(root).iterdir() if _of_artists(root).exists() else ()
        for folder in folders:
            if folder.name not in map(str, known):
                yield Packs(self._farm.blobs, folder)

    async def tidy(self) -> None:
        """Forget the chunks of blobs that are gone, and those whose file never was completed."""
        for packs in self._all_packs():
            await asyncio.to_thread(packs.remove_older, self._farm.settings.keep_blobs_s)
        after = ""
        while True:
            look = partial(chunked_blobs, after=after, limit=_LOOKED_AT)
            known = await self._farm.read(look)
            if not known:
                return
            after = known[-1]
            gone = await asyncio.to_thread(
                lambda some: [sha256 for sha256 in some if not self._farm.blobs.has(sha256)], known
            )
            for sha256 in gone:
                await self._forget(sha256)

    async def _forget(self, sha256: str) -> None:
        await self._farm.writer.write_in_turns(partial(forget_some, sha256=sha256))
        await asyncio.to_thread(list_of(self._farm.blobs, sha256).unlink, missing_ok=True)
        _log.debug("chunks_forgotten", sha256=sha256)


def _of_artists(root: Path) -> Path:
    return root / "packs-of"
