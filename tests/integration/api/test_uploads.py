"""Files in chunks: only what the farm lacks travels, and what broke off goes on."""

from __future__ import annotations

import hashlib
import io
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import zstandard

from framefarm.client.chunked import CutFile, cut, packs_of
from framefarm.client.errors import FarmAnswerError
from framefarm.client.farm import Farm
from framefarm.protocol.chunks import MAX_PACK_BYTES, Chunk, chunk_of, encode_chunks, encode_pack
from tests.integration.api.manager import Manager, is_problem, until

MIB = 1 << 20
HASH = "0" * 64


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture
def farm(shared: Manager) -> Iterator[Farm]:
    with Farm(shared.server.url) as made:
        yield made


def send(farm: Farm, content: bytes) -> tuple[str, int]:
    """Upload in chunks; the hash, and how many bytes travelled."""
    sent: list[int] = []
    sha256 = farm.upload_in_chunks(io.BytesIO(content), len(content), count=sent.append)
    return sha256, sum(sent)


def stored(manager: Manager, content: bytes) -> bool:
    sha256 = hashlib.sha256(content).hexdigest()
    path = manager.settings.blobs / sha256[:2] / sha256
    return path.exists() and path.read_bytes() == content


def packs(manager: Manager) -> list[Path]:
    folder = manager.settings.blobs / "packs"
    return list(folder.iterdir()) if folder.exists() else []


def put(manager: Manager, pack: bytes) -> Any:
    body = zstandard.ZstdCompressor().compress(pack)
    return manager.http.put("/api/uploads/chunks", content=body)


def offer(manager: Manager, cut_file: CutFile, **changes: Any) -> Any:
    pieces = [(name.hex(), size) for name, size in map(chunk_of, cut_file.pieces)]
    told = {"sha256": cut_file.sha256, "size_bytes": cut_file.size_bytes, "pieces": pieces}
    return manager.http.post("/api/uploads", json={**told, **changes})


def test_file_is_there_after_it_was_sent(shared: Manager, farm: Farm):
    content = noise(2 * MIB, 1)

    sha256, sent = send(farm, content)

    assert sha256 == hashlib.sha256(content).hexdigest()
    assert stored(shared, content)
    assert sent < 1.05 * len(content)
    assert packs(shared) == []


def test_of_the_next_version_only_the_change_travels(shared: Manager, farm: Farm):
    content = noise(8 * MIB, 2)
    send(farm, content)
    changed = content[: 3 * MIB] + noise(MIB, 3) + content[3 * MIB + 777 :]

    _, sent = send(farm, changed)

    assert stored(shared, changed)
    assert MIB < sent < 1.1 * MIB
    assert send(farm, changed)[1] == 0


def test_next_version_outlives_the_one_it_was_made_of(tmp_path: Path):
    manager = Manager(tmp_path, keep_blobs_s=0.0)
    first, second = noise(MIB, 4), noise(MIB, 4) + b"more"
    third = b"more" + second
    try:
        with Farm(manager.server.url) as farm:
            sha256, _ = send(farm, first)
            send(farm, second)
            (manager.settings.blobs / sha256[:2] / sha256).unlink()

            _, sent = send(farm, third)

            assert stored(manager, third)
            assert sent < MIB / 2
    finally:
        manager.close()


def test_what_broke_off_goes_on_also_after_the_managers_restart(tmp_path: Path):
    content = noise(MIB, 5)
    found = cut(io.BytesIO(content), len(content))
    half = [chunk.name for chunk in found.chunks[: len(found.chunks) // 2]]
    manager = Manager(tmp_path)
    try:
        for pack in packs_of(found, io.BytesIO(content), half):
            assert put(manager, pack).status_code == 204
    finally:
        manager.close()

    manager = Manager(tmp_path)
    try:
        with Farm(manager.server.url) as farm:
            _, sent = send(farm, content)
            assert sent < 0.6 * len(content)
            assert stored(manager, content)
            assert packs(manager) == []
    finally:
        manager.close()


def test_damaged_chunk_is_no_chunk_of_the_file(shared: Manager):
    """What came under a chunk's length with other bytes has another name, so it stays missing."""
    content = noise(100_000, 6)
    found = cut(io.BytesIO(content), len(content))
    damaged = bytearray(content)
    damaged[50_000] ^= 1

    put(shared, encode_pack(found.pieces))
    names = [chunk.name for chunk in found.chunks]
    for pack in packs_of(found, io.BytesIO(bytes(damaged)), names):
        put(shared, pack)

    missing = offer(shared, found).json()["missing"]
    assert len(missing) == 1
    assert not stored(shared, content)


def test_chunks_that_make_another_file_are_refused(shared: Manager):
    content = noise(100_000, 7)
    found = cut(io.BytesIO(content), len(content))
    for pack in packs_of(found, io.BytesIO(content), [chunk.name for chunk in found.chunks]):
        put(shared, pack)
    put(shared, encode_pack(found.pieces))

    is_problem(offer(shared, found, sha256=HASH), 422, "hash_differs")
    is_problem(offer(shared, found, size_bytes=99_999), 422, "bad_chunks")
    assert list((shared.settings.blobs / "incoming").iterdir()) == []
    assert offer(shared, found).status_code == 201


def test_list_of_anything_else_is_refused(shared: Manager):
    put(shared, encode_pack([b"this is no list of chunks"]))
    name, size = chunk_of(b"this is no list of chunks")

    answer = offer(shared, CutFile(HASH, 9, (), ()), pieces=[(name.hex(), size)])

    is_problem(answer, 422, "bad_chunks")


def test_list_that_would_fill_the_memory_is_refused(shared: Manager):
    """A chunk may be named as a piece a hundred thousand times, and each time be put in."""
    piece = bytes(MIB)
    put(shared, encode_pack([piece]))
    name, size = chunk_of(piece)

    answer = offer(shared, CutFile(HASH, 9, (), ()), pieces=[(name.hex(), size)] * 100_000)

    assert "at most 8,388,608 bytes" in is_problem(answer, 422, "bad_chunks")["detail"]


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "x"},
        {"size_bytes": -1},
        {"size_bytes": 1 << 60},
        {"pieces": [["xyz", 1]]},
        {"pieces": [["0" * 32, 0]]},
        {"pieces": [["0" * 32]]},
        {"pieces": "none"},
        {"more": 1},
    ],
)
def test_offer_that_makes_no_sense_is_refused(shared: Manager, changes: dict[str, Any]):
    answer = offer(shared, CutFile(HASH, 9, (), ()), **changes)

    is_problem(answer, 422, "invalid_request")


def test_packs_that_make_no_sense_are_refused(shared: Manager):
    def sent(body: bytes) -> Any:
        return shared.http.put("/api/uploads/chunks", content=body)

    pack = zstandard.ZstdCompressor().compress
    before = packs(shared)
    is_problem(sent(b"no zstd"), 422, "bad_chunks")
    is_problem(sent(pack(b"\xff\xff\xff\x7fcut off")), 422, "bad_chunks")
    is_problem(sent(pack(b"abc")), 422, "bad_chunks")
    is_problem(sent(pack(bytes(MAX_PACK_BYTES + 4))), 413, "too_large")
    chunked = shared.http.put("/api/uploads/chunks", content=iter([b"of unknown length"]))
    is_problem(chunked, 413, "too_large")
    assert packs(shared) == before


def test_full_disk_and_too_large_a_file_are_told(tmp_path: Path):
    manager = Manager(tmp_path, low_water_bytes=1 << 62, largest_upload_bytes=1_000)
    try:
        with Farm(manager.server.url) as farm:
            with pytest.raises(FarmAnswerError, match="at most 1,000 bytes"):
                send(farm, noise(2_000, 1))
            with pytest.raises(FarmAnswerError, match="keeps"):
                send(farm, noise(900, 1))
    finally:
        manager.close()


def test_what_nobody_went_on_with_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("framefarm.farm.duties._TIDY_EVERY_S", 0.05)
    manager = Manager(tmp_path, keep_blobs_s=60.0)
    try:
        content = noise(MIB, 8)
        with Farm(manager.server.url) as farm:
            sha256, _ = send(farm, content)
        assert put(manager, encode_pack([b"of no file"])).status_code == 204
        blob = manager.settings.blobs / sha256[:2] / sha256
        for path in [*packs(manager), blob]:
            long_ago = time.time() - 3_600
            os.utime(path, (long_ago, long_ago))

        until(lambda: not packs(manager) and not blob.exists(), "the tidying")

        until(lambda: not list((manager.settings.blobs / "lists").iterdir()), "the lists' end")
        found = cut(io.BytesIO(content), len(content))
        assert len(offer(manager, found).json()["missing"]) == len(found.pieces)
    finally:
        manager.close()


def test_many_at_once_send_the_same_file(shared: Manager):
    content = noise(3 * MIB, 9)

    def one(_: int) -> str:
        with Farm(shared.server.url) as farm:
            return send(farm, content)[0]

    with ThreadPoolExecutor(4) as pool:
        hashes = set(pool.map(one, range(4)))

    assert hashes == {hashlib.sha256(content).hexdigest()}
    assert stored(shared, content)


def test_names_are_not_taken_for_more_than_they_are(shared: Manager):
    """A chunk whose size is not that of its name's bytes is told, not put into the file."""
    content = b"x" * 50
    name, size = chunk_of(content)
    listed = [Chunk(name, size + 1)]
    piece = encode_chunks(listed)
    put(shared, encode_pack([content, piece]))
    found = CutFile(HASH, size + 1, tuple(listed), (piece,))

    is_problem(offer(shared, found), 422, "bad_chunks")
