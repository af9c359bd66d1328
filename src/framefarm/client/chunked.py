"""Sending a file in chunks: only those that the farm lacks, and on from where it broke off."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from framefarm.client.errors import ClientError
from framefarm.protocol.chunks import (
    Chunk,
    average_bytes,
    chunk_of,
    encode_pack,
    pieces_of,
)

_WINDOW_BYTES = 32 << 20
_PACK_BYTES = 4 << 20
_TRIES = 3


@dataclass(frozen=True)
class CutFile:
    """A file in chunks.

    Attributes:
        sha256: Of the whole.
        size_bytes: Of the whole.
        chunks: One after the other.
        pieces: The list of them, in pieces.
    """

    sha256: str
    size_bytes: int
    chunks: tuple[Chunk, ...]
    pieces: tuple[bytes, ...]


def cut(file: IO[bytes], size_bytes: int) -> CutFile:
    """Read a file once, for its hash and its chunks.

    Args:
        file: At its start.
        size_bytes: How much of it counts.
    """
    digest = hashlib.sha256()
    chunks = []
    for content in _contents(file, size_bytes):
        digest.update(content)
        chunks.append(chunk_of(content))
    size = sum(chunk.size for chunk in chunks)
    return CutFile(digest.hexdigest(), size, tuple(chunks), tuple(pieces_of(chunks)))


def _contents(file: IO[bytes], size_bytes: int) -> Iterator[memoryview]:
    """The bytes of the chunks, one after the other; only a window of the file is in memory."""
    # Slow to import, and not always needed; it brings no types.
    from fastcdc import fastcdc  # type: ignore[import-untyped]  # noqa: PLC0415

    average = average_bytes(size_bytes)
    window = max(_WINDOW_BYTES, 16 * average)
    held, left = b"", size_bytes
    while held or left:
        more = file.read(min(left, window))
        left = left - len(more) if more else 0
        held += more
        view, at = memoryview(held), 0
        for chunk in fastcdc(view, average // 4, average, average * 4):
            if left and chunk.offset + chunk.length >= len(held):
                break  # where this one ends, only the next window tells
            at = chunk.offset + chunk.length
            yield view[chunk.offset : at]
        held = held[at:]


def packs_of(cut_file: CutFile, file: IO[bytes], names: Iterable[bytes]) -> Iterator[bytes]:
    """Packs with the chunks of these names: pieces of the list, and parts of the file."""
    pieces = {chunk_of(piece).name: piece for piece in cut_file.pieces}
    places = _places(cut_file.chunks)
    held: list[bytes] = []
    for name in names:
        if name in pieces:
            held.append(pieces[name])
        else:
            offset, size = places[name]
            file.seek(offset)
            held.append(file.read(size))
        if sum(map(len, held)) >= _PACK_BYTES:
            yield encode_pack(held)
            held = []
    if held:
        yield encode_pack(held)


def _places(chunks: Sequence[Chunk]) -> dict[bytes, tuple[int, int]]:
    places: dict[bytes, tuple[int, int]] = {}
    offset = 0
    for chunk in chunks:
        places.setdefault(chunk.name, (offset, chunk.size))
        offset += chunk.size
    return places


Offer = Callable[[CutFile], list[bytes]]
Send = Callable[[bytes], None]


class NotTakenError(ClientError):
    """The manager asks for the same chunks again and again, or for some that are in no file."""

    code = "not_taken"


def send(file: IO[bytes], cut_file: CutFile, *, offer: Offer, put: Send) -> None:
    """Offer a file until it is there.

    Args:
        file: The same that was cut.
        cut_file: Its chunks.
        offer: Asks what is missing.
        put: Sends a pack.

    Raises:
        NotTakenError: The manager does not come to an end.
    """
    sent: Counter[bytes] = Counter()
    known = {chunk_of(piece).name for piece in cut_file.pieces}
    known |= {chunk.name for chunk in cut_file.chunks}
    while missing := offer(cut_file):
        sent.update(missing)
        if not known.issuperset(missing) or max(sent[name] for name in missing) > _TRIES:
            raise NotTakenError("The manager asks for chunks that it was sent, or that are none.")
        for pack in packs_of(cut_file, file, missing):
            put(pack)
