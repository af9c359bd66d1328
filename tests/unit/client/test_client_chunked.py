"""Cutting a file, and sending of it what is missing."""

from __future__ import annotations

import hashlib
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framefarm.client import chunked
from framefarm.client.chunked import CutFile, NotTakenError, cut, packs_of, send
from framefarm.protocol.chunks import Chunk, chunk_of, decode_pack

MIB = 1 << 20


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def cut_bytes(content: bytes) -> CutFile:
    return cut(io.BytesIO(content), len(content))


def contents(cut_file: CutFile, content: bytes) -> dict[bytes, bytes]:
    """The bytes of all chunks, as packs carry them."""
    found: dict[bytes, bytes] = {}
    names = [chunk.name for chunk in cut_file.chunks]
    for pack in packs_of(cut_file, io.BytesIO(content), names):
        found |= {chunk_of(part).name: bytes(part) for _, part in decode_pack(pack)}
    return found


@settings(max_examples=20)
@given(st.integers(0, 300_000), st.integers(0, 9))
def test_chunks_make_the_file(size: int, seed: int):
    content = noise(size, seed)
    found = cut_bytes(content)

    parts = contents(found, content)
    assert b"".join(parts[chunk.name] for chunk in found.chunks) == content
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.size_bytes == size


def test_cuts_do_not_depend_on_how_much_is_read_at_once(monkeypatch: pytest.MonkeyPatch):
    content = noise(3 * MIB)
    at_once = cut_bytes(content)

    monkeypatch.setattr(chunked, "_WINDOW_BYTES", 1)

    assert cut_bytes(content) == at_once
    assert len(at_once.chunks) > 100


@pytest.mark.parametrize("at", [0, MIB + 1, 3 * MIB])
def test_insertion_changes_the_chunks_it_touches(at: int):
    content = noise(3 * MIB)
    changed = content[:at] + b"seven b" + content[at:]

    old, new = cut_bytes(content), cut_bytes(changed)

    assert len(set(new.chunks) - set(old.chunks)) <= 2


def test_all_of_a_file_is_sent_once_and_nothing_that_is_there():
    content = noise(MIB) + bytes(MIB)
    found = cut_bytes(content)
    there: set[bytes] = set()
    sent: list[bytes] = []

    def offer(offered: CutFile) -> list[bytes]:
        pieces = [chunk_of(piece).name for piece in offered.pieces]
        wanted = [name for name in pieces if name not in there]
        names = dict.fromkeys(chunk.name for chunk in offered.chunks)
        return (wanted or [name for name in names if name not in there])[:5]

    def put(pack: bytes) -> None:
        for _, part in decode_pack(pack):
            sent.append(chunk_of(part).name)
            there.add(chunk_of(part).name)

    send(io.BytesIO(content), found, offer=offer, put=put)

    assert len(sent) == len(set(sent)) == len(set(found.chunks)) + len(found.pieces)
    send(io.BytesIO(content), found, offer=offer, put=put)
    assert len(sent) == len(set(sent))


@pytest.mark.parametrize("name", [b"n" * 16, None])
def test_manager_that_never_has_enough_is_given_up(name: bytes | None):
    content = noise(100_000)
    found = cut_bytes(content)
    asked = [name or found.chunks[0].name]

    with pytest.raises(NotTakenError):
        send(io.BytesIO(content), found, offer=lambda _: asked, put=lambda _: None)


def test_empty_file_is_a_file():
    assert cut_bytes(b"") == CutFile(hashlib.sha256().hexdigest(), 0, (), ())
    assert list(packs_of(cut_bytes(b""), io.BytesIO(), [])) == []


def test_file_that_grows_while_it_is_read_is_cut_as_long_as_it_was():
    found = cut(io.BytesIO(noise(200_000)), 100_000)

    assert found.size_bytes == 100_000
    assert sum(chunk.size for chunk in found.chunks) == 100_000
    assert isinstance(found.chunks[0], Chunk)
