"""`/api/uploads`: files in chunks, so that only what the farm lacks travels.

What broke off goes on where it was: chunks that came need not come again.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import zstandard
from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from framefarm.api.bodies import Sha256
from framefarm.api.body_limit import announced_bytes
from framefarm.api.guard import caller_of
from framefarm.api.results import TooLargeError
from framefarm.farm.uploads import Uploads
from framefarm.protocol.chunks import MAX_PACK_BYTES, Chunk, ChunkError

Name = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class Offer(BaseModel):
    """A file, and the pieces of which the list of its chunks is made.

    Attributes:
        sha256: Of the whole file.
        size_bytes: Of the whole file.
        pieces: Name and size of each piece.
    """

    model_config = ConfigDict(extra="forbid")

    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=0, le=1 << 50)]
    pieces: Annotated[list[tuple[Name, Annotated[int, Field(gt=0, lt=1 << 24)]]], Field()]


class Missing(BaseModel):
    """What is to be sent before the file is offered again; nothing when it is there."""

    missing: list[str]


def routes(uploads: Uploads) -> APIRouter:
    """The routes of uploads in chunks."""
    router = APIRouter(prefix="/api/uploads", tags=["blobs"])

    @router.post("")
    async def offer(
        file: Annotated[Offer, Body()], request: Request, response: Response
    ) -> Missing:
        """Put a file together (201), or name chunks that are missing (200); repeat until 201."""
        pieces = [Chunk(bytes.fromhex(name), size) for name, size in file.pieces]
        who = caller_of(request.scope).person
        missing = await uploads.offer(who, file.sha256, file.size_bytes, pieces)
        response.status_code = 200 if missing else 201
        return Missing(missing=[name.hex() for name in missing])

    @router.put("/chunks", status_code=204)
    async def chunks(request: Request) -> None:
        """Send chunks, each with its length before it, all of it compressed by zstd."""
        length = announced_bytes(request.headers)
        if not 0 <= length <= MAX_PACK_BYTES:
            most = MAX_PACK_BYTES
            raise TooLargeError(f"Content-Length must say at most {most:,} bytes of chunks.")
        pack = await asyncio.to_thread(_unpacked, await request.body())
        await uploads.take_pack(caller_of(request.scope).person, pack)

    return router


def _unpacked(body: bytes) -> bytes:
    unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_PACK_BYTES)
    try:
        with unpacker.stream_reader(body) as reader:
            pack = reader.read(MAX_PACK_BYTES + 1)
    except zstandard.ZstdError as error:
        raise ChunkError(f"The chunks cannot be unpacked: {error}") from error
    if len(pack) > MAX_PACK_BYTES:
        raise TooLargeError(f"Chunks may unpack to at most {MAX_PACK_BYTES:,} bytes.")
    return pack
