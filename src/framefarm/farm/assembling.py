"""Putting files together from chunks: those that came, and those of files that are here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from framefarm.farm.accounts import Identity
from framefarm.farm.chunk_index import Place, add_rows, begin_index, places_of, rows_of
from framefarm.farm.ownership import not_theirs
from framefarm.protocol.chunks import MAX_NAMED, Chunk, ChunkError, chunk_of, decode_chunks
from framefarm.storage import BlobFolder, BlobMissingError, Packs, translated

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_ROWS_AT_A_TIME = 2_000
_WRITE_BYTES = 4 << 20


class GoneError(Exception):
    """A chunk that was here is not any more."""

    def __init__(self, name: bytes) -> None:
        super().__init__(name.hex())
        self.name = name


def list_of(blobs: BlobFolder, sha256: str) -> Path:
    """Where the list of a blob's chunks is, or would be."""
    return blobs.root / "lists" / sha256


class Assembly:
    """Puts one person's files together.

    Args:
        farm: Where they go.
        packs: What the person sent.
        who: The person; files that are not theirs are as if they were not here.
    """

    def __init__(self, farm: Farm, packs: Packs, who: Identity | None) -> None:
        self._farm = farm
        self._packs = packs
        self._who = who

    async def has(self, sha256: str) -> bool:
        """Whether a file is here, and need not come again; it will be for a while."""
        if await not_theirs(self._farm, self._who, [sha256]):
            return False
        return await asyncio.to_thread(self._is_here, sha256)

    async def make(self, sha256: str, size_bytes: int, pieces: Sequence[Chunk]) -> list[bytes]:
        """Put a file together; returns what of it is missing, if anything is.

        Raises:
            GoneError: A chunk is not here any more.
            ChunkError: The chunks make no file of that size.
            BlobMismatchError: They make another file.
            StorageFullError: There is no room.
        """
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
        # What another sent in chunks before is known by its own list, which stays as it is.
        known = await asyncio.to_thread(self._is_listed, sha256)
        await asyncio.to_thread(self._put_together, sha256, size_bytes, chunks, places)
        if not known:
            await asyncio.to_thread(self._keep_list, sha256, content)
            await self._index(sha256, pieces, chunks)
        used = {chunk.name for chunk in (*pieces, *chunks)}
        await asyncio.to_thread(self._packs.forget, used)
        return []

    def _is_here(self, sha256: str) -> bool:
        try:
            self._farm.blobs.touch(sha256)
        except BlobMissingError:
            return False
        return True

    def _is_listed(self, sha256: str) -> bool:
        """Whether a file and the list of its chunks are here, and will be for a while."""
        return self._is_here(sha256) and list_of(self._farm.blobs, sha256).exists()

    async def _places(self, chunks: Sequence[Chunk]) -> dict[bytes, Place]:
        """Where chunks are that did not just come, in files that are still here."""
        names = [name for name in dict.fromkeys(it.name for it in chunks) if self._elsewhere(name)]
        found = await self._farm.read(lambda connection: places_of(connection, names))
        blobs = {place.sha256 for places in found.values() for place in places}
        blobs -= await not_theirs(self._farm, self._who, blobs)
        there = await asyncio.to_thread(lambda: set(filter(self._is_listed, blobs)))
        kept = {}
        for name, places in found.items():
            usable = next((place for place in places if place.sha256 in there), None)
            if usable is not None:
                kept[name] = usable
        return kept

    def _elsewhere(self, name: bytes) -> bool:
        return not self._packs.has(name)

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
                    raise GoneError(chunk.name)
                if chunk_of(content) != chunk:
                    raise ChunkError("A chunk has another size or content than the list says.")
                yield content

    def _path(self, place: Place) -> Path:
        if place.of_list:
            return list_of(self._farm.blobs, place.sha256)
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
        path = list_of(self._farm.blobs, sha256)
        path.parent.mkdir(exist_ok=True)
        self._farm.blobs.put_durably(path, content)

    async def _index(self, sha256: str, pieces: Sequence[Chunk], chunks: Sequence[Chunk]) -> None:
        """Note where the chunks are. What a crash cuts off only has to be sent again some day."""
        writer = self._farm.writer
        chunked_id = await writer.write(partial(begin_index, sha256=sha256))
        rows = rows_of(chunked_id, pieces, of_list=True)
        rows += await asyncio.to_thread(rows_of, chunked_id, chunks, of_list=False)
        for start in range(0, len(rows), _ROWS_AT_A_TIME):
            some = rows[start : start + _ROWS_AT_A_TIME]
            await writer.write(partial(add_rows, rows=some))
