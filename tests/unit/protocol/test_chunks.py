"""Names of chunks, lists of them, and packs."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.protocol.chunks import (
    Chunk,
    ChunkError,
    average_bytes,
    chunk_of,
    decode_chunks,
    decode_pack,
    encode_chunks,
    encode_pack,
    pieces_of,
)

MIB = 1 << 20
chunks = st.lists(st.builds(Chunk, st.binary(min_size=16, max_size=16), st.integers(0, 1 << 24)))


def made(count: int, *, salt: str = "") -> list[Chunk]:
    return [chunk_of(f"{salt}{number}".encode()) for number in range(count)]


@given(chunks)
def test_list_is_what_was_put_in_and_its_pieces_make_it(found: list[Chunk]):
    whole = encode_chunks(found)

    assert decode_chunks(whole) == found
    assert b"".join(pieces_of(found)) == whole


def test_change_in_a_list_changes_the_piece_it_is_in():
    """Thousands of entries before and after an insertion stay in pieces of the same name."""
    before, after = made(5_000), made(5_000)
    after[2_500:2_501] = made(3, salt="new")

    old = {hashlib.sha256(piece).digest() for piece in pieces_of(before)}
    new = [piece for piece in pieces_of(after) if hashlib.sha256(piece).digest() not in old]

    assert len(old) > 40
    assert len(new) <= 2


def test_pieces_have_a_largest_size():
    same = [Chunk(b"\xff" * 16, 1)] * 3_000

    assert max(len(piece) for piece in pieces_of(same)) == 1_024 * 20


@given(st.lists(st.binary(max_size=50)))
def test_pack_holds_what_was_put_in(contents: list[bytes]):
    pack = encode_pack(contents)

    found = list(decode_pack(pack))
    assert [bytes(content) for _, content in found] == contents
    assert [pack[at : at + len(content)] for at, content in found] == contents


@given(st.binary(max_size=60))
def test_bytes_of_anybody_are_a_pack_or_refused(pack: bytes):
    try:
        found = sum(4 + len(content) for _, content in decode_pack(pack))
    except ChunkError:
        return
    assert found == len(pack)


def test_list_that_is_cut_off_is_refused():
    with pytest.raises(ChunkError, match="20 bytes"):
        decode_chunks(bytes(19))


@pytest.mark.parametrize(
    ("size", "average"),
    [(0, 16 << 10), (200 * MIB, 16 << 10), (1 << 30, 64 << 10), (1 << 36, 4 << 20)],
)
def test_chunks_grow_with_the_file_but_not_for_ever(size: int, average: int):
    assert average_bytes(size) == average
