"""Files in chunks: how a file is named by its parts, so that only new parts travel.

A file is cut where its content says so (FastCDC), so that an insertion moves no cut but those next
to it. Each chunk has a name, made of its content. The list of a file's chunks is itself cut into
pieces in the same spirit, and those are chunks too: of a file of 200 MB that was saved again, the
list would else be larger than what was changed.

The names are half a SHA-256: they only decide what need not be sent. What was put together is held
against the whole SHA-256 of the file.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from framefarm.core.errors import FrameFarmError

NAME_BYTES = 16
MAX_PACK_BYTES = 32 << 20
"""Chunks of one request, before they are compressed."""

MAX_LIST_BYTES = 8 << 20
"""The list of a file's chunks; that of the largest file has a sixth of it."""

MAX_NAMED = 4_096
"""How many chunks an answer names as missing; there may be more."""

_ENTRY = struct.Struct("<16sI")
_LENGTH = struct.Struct("<I")
_SMALLEST_AVERAGE = 16 << 10
_CHUNKS = 16_384
_LARGEST_AVERAGE = 4 << 20
_PIECE_ENDS_BELOW = 4
_MOST_IN_PIECE = 1_024


class ChunkError(FrameFarmError):
    """A list of chunks, or a pack of them, makes no sense."""

    code = "bad_chunks"


class Chunk(NamedTuple):
    """A chunk's name and size in bytes."""

    name: bytes
    size: int


def chunk_of(content: bytes | memoryview) -> Chunk:
    """What a chunk is called."""
    return Chunk(hashlib.sha256(content).digest()[:NAME_BYTES], len(content))


def average_bytes(size_bytes: int) -> int:
    """How large the chunks of a file are on average: 16 KiB, and more for a very large one."""
    average = _SMALLEST_AVERAGE
    while average < _LARGEST_AVERAGE and average * _CHUNKS < size_bytes:
        average *= 2
    return average


def encode_chunks(chunks: Iterable[Chunk]) -> bytes:
    """A list of chunks: 20 bytes each."""
    return b"".join(_ENTRY.pack(*chunk) for chunk in chunks)


def decode_chunks(content: bytes) -> list[Chunk]:
    """The chunks of a list.

    Raises:
        ChunkError: It is none.
    """
    if len(content) % _ENTRY.size:
        raise ChunkError(f"A list of chunks has {_ENTRY.size} bytes for each.")
    return [Chunk(*entry) for entry in _ENTRY.iter_unpack(content)]


def pieces_of(chunks: Sequence[Chunk]) -> Iterator[bytes]:
    """A list of chunks in pieces, cut after chunks whose name says so: about 64 in each."""
    start = 0
    for end, chunk in enumerate(chunks, start=1):
        full = end - start >= _MOST_IN_PIECE
        if chunk.name[0] < _PIECE_ENDS_BELOW or full or end == len(chunks):
            yield encode_chunks(chunks[start:end])
            start = end


def encode_pack(contents: Iterable[bytes | memoryview]) -> bytes:
    """The body of a request that brings chunks: each one's length, then its bytes."""
    packed = bytearray()
    for content in contents:
        packed += _LENGTH.pack(len(content))
        packed += content
    return bytes(packed)


def decode_pack(pack: bytes) -> Iterator[tuple[int, memoryview]]:
    """The chunks in a pack, each with where its bytes begin.

    Raises:
        ChunkError: It is cut off.
    """
    view, at = memoryview(pack), 0
    while at < len(pack):
        if at + _LENGTH.size > len(pack):
            raise ChunkError("The pack of chunks is cut off.")
        (length,) = _LENGTH.unpack_from(pack, at)
        at += _LENGTH.size
        if at + length > len(pack):
            raise ChunkError("The pack of chunks is cut off.")
        yield at, view[at : at + length]
        at += length
