"""Putting files together from chunks: those that came, and those of files that are here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from framefarm.farm.chunk_index import (
    Place,
    add_rows,
    begin_index,
    chunked_blobs,
    forget_some,
    places_of,
    rows_of,
)
from framefarm.protocol.chunks import (
    MAX_LIST_BYTES,
    MAX_NAMED,
    Chunk,
    ChunkError,
    chunk_of,
    decode_chunks,
)
from framefarm.storage import BlobMissingError, BlobTooLargeError, Packs, translated

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_ROWS_AT_A_TIME = 2_000
_LOOKED_AT = 1_000
_AT_ONCE = 2
_WRITE_BYTES = 4 << 20

_log = structlog.get_logger(__name__)


class _GoneError(Exception):
    """A chunk that was here is not any more."""

    def __init__(self, name: bytes) -> None:
        super().__init__(name.hex())
        self.name = name


class Uploads:
    """Takes files in chunks.

    Args:
        farm: Whose they are.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._packs = Packs(farm.blobs)
        self._lists = farm.blobs.root / "lists"
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def take_pack(self, pack: bytes) -> int:
        """Keep chunks; returns how many.

        Raises:
            ChunkError: That is no pack.
            StorageFullError: There is no room.
        """
        return await asyncio.to_thread(self._packs.keep, pack)

    async def offer(self, sha256: str, size_bytes: int, pieces: Sequence[Chunk]) -> list[bytes]:
        """Put a file together, or say what of it is not here.

        Args:
            sha256: Of the whole file.
            size_bytes: Of the whole file.
            pieces: Of which the list of its chunks is made.

        Returns:
            Names of chunks that are needed, pieces of the list before chunks of the file, not
            always all of them; none when the file is a blob now.

        Raises:
            ChunkError: The chunks make no file of that size.
            BlobMismatchError: They make another file.
            StorageFullError: There is no room.
        """
        if size_bytes > self._farm.settings.largest_upload_bytes:
            raise BlobTooLargeError(self._farm.settings.largest_upload_bytes)
        if sum(piece.size for piece in pieces) > MAX_LIST_BYTES:
            raise ChunkError(f"The list of chunks may have at most {MAX_LIST_BYTES:,} bytes.")
        async with self._turn:
            if await asyncio.to_thread(self._is_here, sha256):
                return []
            await asyncio.to_thread(self._packs.load)
            try:
                return await self._make(sha256, size_bytes, pieces)
            except _GoneError as error:
                # Another upload, of the same file or of one like it, has used it up meanwhile.
                here = await asyncio.to_thread(self._is_here, sha256)
                return [] if here else [error.name]

    def _is_here(self, sha256: str) -> bool:
        try:
            self._farm.blobs.touch(sha256)
        except BlobMissingError:
            return False
        return True

    async def _make(self, sha256: str, size_bytes: int, pieces: Sequence[Chunk]) -> list[bytes]:
        places = await self._places(pieces)
        if missing := self._missing(pieces, places):
            return missing
        content = await asyncio.to_thread(lambda: b"".join(self._contents(pieces, places)))
        chunks = decode_chunks(content)
        if sum(chunk.size for chunk in chunks) != size_bytes:
            raise ChunkError(f"The chunks do not make {size_bytes:,} bytes.")
        places = await self._places(chunks)
        if missing := self._missing(chunks, places):
            return missing
        await asyncio.to_thread(self._put_together, sha256, size_bytes, chunks, places)
        await asyncio.to_thread(self._keep_list, sha256, content)
        await self._index(sha256, pieces, chunks)
        used = {chunk.name for chunk in (*pieces, *chunks)}
        await asyncio.to_thread(self._packs.forget, used)
        return []

    async def _places(self, chunks: Sequence[Chunk]) -> dict[bytes, Place]:
        """Where chunks are that did not just come, in files that are still here."""
        names = [name for name in dict.fromkeys(it.name for it in chunks) if self._elsewhere(name)]
        found = await self._farm.read(lambda connection: places_of(connection, names))
        return await asyncio.to_thread(self._still_there, found)

    def _elsewhere(self, name: bytes) -> bool:
        return not self._packs.has(name)

    def _still_there(self, found: dict[bytes, list[Place]]) -> dict[bytes, Place]:
        there: dict[str, bool] = {}
        for place in (place for places in found.values() for place in places):
            if place.sha256 not in there:
                there[place.sha256] = self._touched(place.sha256)
        kept = {}
        for name, places in found.items():
            usable = next((place for place in places if there[place.sha256]), None)
            if usable is not None:
                kept[name] = usable
        return kept

    def _touched(self, sha256: str) -> bool:
        """Whether a file and the list of its chunks are here, and will be for a while."""
        return self._is_here(sha256) and (self._lists / sha256).exists()

    def _missing(self, chunks: Iterable[Chunk], places: dict[bytes, Place]) -> list[bytes]:
        names = dict.fromkeys(chunk.name for chunk in chunks)
        wanted = [name for name in names if name not in places and self._elsewhere(name)]
        return wanted[:MAX_NAMED]

    def _contents(self, chunks: Iterable[Chunk], places: dict[bytes, Place]) -> Iterator[bytes]:
        """The bytes of chunks, one after the other, each held against its name."""
        with contextlib.ExitStack() as files:
            paths = {self._path(place) for place in places.values()}
            with translated(self._farm.blobs.root):
                opened = {path: files.enter_context(path.open("rb")) for path in paths}
            for chunk in chunks:
                place = places.get(chunk.name)
                if place is None:
                    content = self._packs.read(chunk.name)
                else:
                    file = opened[self._path(place)]
                    file.seek(place.offset)
                    content = file.read(place.size)
                if content is None:
                    raise _GoneError(chunk.name)
                if chunk_of(content) != chunk:
                    raise ChunkError("A chunk has another size or content than the list says.")
                yield content

    def _path(self, place: Place) -> Path:
        if place.of_list:
            return self._lists / place.sha256
        return self._farm.blobs.path_of(place.sha256)

    def _put_together(
        self, sha256: str, size_bytes: int, chunks: Sequence[Chunk], places: dict[bytes, Place]
    ) -> None:
        with self._farm.blobs.receive(sha256, size_bytes) as incoming:
            held = bytearray()
            for content in self._contents(chunks, places):
                held += content
                if len(held) >= _WRITE_BYTES:
                    incoming.write(bytes(held))
                    held.clear()
            incoming.write(bytes(held))
            incoming.check()
            incoming.keep()

    def _keep_list(self, sha256: str, content: bytes) -> None:
        self._lists.mkdir(exist_ok=True)
        self._farm.blobs.put_durably(self._lists / sha256, content)

    async def _index(self, sha256: str, pieces: Sequence[Chunk], chunks: Sequence[Chunk]) -> None:
        """Note where the chunks are. What a crash cuts off only has to be sent again some day."""
        writer = self._farm.writer
        chunked_id = await writer.write(partial(begin_index, sha256=sha256))
        rows = rows_of(chunked_id, pieces, of_list=True)
        rows += await asyncio.to_thread(rows_of, chunked_id, chunks, of_list=False)
        for start in range(0, len(rows), _ROWS_AT_A_TIME):
            some = rows[start : start + _ROWS_AT_A_TIME]
            await writer.write(partial(add_rows, rows=some))

    async def tidy(self) -> None:
        """Forget the chunks of blobs that are gone, and those whose file never was completed."""
        await asyncio.to_thread(self._packs.remove_older, self._farm.settings.keep_blobs_s)
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
        await asyncio.to_thread((self._lists / sha256).unlink, missing_ok=True)
        _log.debug("chunks_forgotten", sha256=sha256)
