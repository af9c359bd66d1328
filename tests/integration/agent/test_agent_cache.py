"""Files by hash: fetched once, resumed, checked, and gone when others need the room."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from framefarm.agent.cache import BlobCache
from framefarm.agent.downloads import MAX_TRIES, Downloader
from framefarm.agent.errors import BlobDamagedError, BlobMissingError, BlobRefusedError, FetchError
from framefarm.agent.http import open_client
from framefarm.agent.journal import open_journal
from tests.integration.agent.fake_manager import FakeManager

JOURNAL = open_journal("error")


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def no_wait(_: float) -> None:
    """Takes the place of a pause."""


@pytest.fixture
async def http(manager: FakeManager) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(manager.url, ssl.create_default_context(), connections=4) as client:
        yield client


@pytest.fixture
def cache(http: httpx.AsyncClient, tmp_path: Path) -> BlobCache:
    return make_cache(http, tmp_path)


class Disk:
    """Has so much room, whatever lies on it."""

    free = 1 << 40


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr("framefarm.agent.cache.free_bytes", lambda _: made.free)
    return made


def make_cache(
    http: httpx.AsyncClient, root: Path, limit_bytes: int = 1 << 20, reserve_bytes: int = 0
) -> BlobCache:
    fetcher = Downloader(http, key=lambda: "k", die=lambda: 0.0, journal=JOURNAL, sleep=no_wait)
    made = BlobCache(
        root,
        limit_bytes=limit_bytes,
        reserve_bytes=reserve_bytes,
        fetcher=fetcher,
        journal=JOURNAL,
    )
    made.load()
    return made


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def read(cache: BlobCache, content: bytes) -> bytes:
    async with cache.use(sha(content), len(content)) as path:
        return path.read_bytes()


async def test_file_is_fetched_once_and_then_at_hand(manager: FakeManager, cache: BlobCache):
    manager.put_blob(b"scene")

    assert [await read(cache, b"scene") for _ in range(3)] == [b"scene"] * 3

    assert len(manager.blob_requests) == 1


async def test_many_askers_share_one_fetch(manager: FakeManager, cache: BlobCache):
    manager.put_blob(b"scene")
    manager.hold_blobs = asyncio.Event()

    asking = [asyncio.create_task(read(cache, b"scene")) for _ in range(10)]
    await manager.until(lambda: manager.blob_requests or None, "a request")
    manager.hold_blobs.set()

    assert await asyncio.gather(*asking) == [b"scene"] * 10
    assert len(manager.blob_requests) == 1


async def test_all_who_wait_are_told_how_much_came(manager: FakeManager, cache: BlobCache):
    content = bytes(range(256)) * 4_000
    manager.put_blob(content)
    manager.cut_after.append(100_000)
    told: list[list[int]] = [[], []]

    async def ask(mine: list[int]) -> None:
        async with cache.use(sha(content), len(content), mine.append):
            pass

    await asyncio.gather(*(ask(mine) for mine in told))

    assert told[0] == told[1] == sorted(told[0])
    assert 100_000 in told[0]
    assert told[0][-1] == len(content)
    assert len(manager.blob_requests) == 2


async def test_asker_that_leaves_does_not_end_the_fetch_for_others(
    manager: FakeManager, cache: BlobCache
):
    manager.put_blob(b"scene")
    manager.hold_blobs = asyncio.Event()
    leaving = asyncio.create_task(read(cache, b"scene"))
    staying = asyncio.create_task(read(cache, b"scene"))
    await manager.until(lambda: manager.blob_requests or None, "a request")

    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    manager.hold_blobs.set()

    assert await staying == b"scene"
    assert len(manager.blob_requests) == 1


async def test_broken_download_goes_on_where_it_broke_off(manager: FakeManager, cache: BlobCache):
    content = bytes(range(256)) * 4_000
    manager.put_blob(content)
    manager.cut_after.append(100_000)

    assert await read(cache, content) == content

    assert [request.range for request in manager.blob_requests] == ["", "bytes=100000-"]


async def test_whoever_waits_for_a_file_can_read_why(
    manager: FakeManager,
    http: httpx.AsyncClient,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    content = bytes(range(256)) * 4_000
    manager.put_blob(content)
    manager.cut_after.append(100_000)
    journal = open_journal("warning")
    fetcher = Downloader(http, key=lambda: "k", die=lambda: 0.0, journal=journal, sleep=no_wait)

    await fetcher.fetch(sha(content), len(content), tmp_path / "part", lambda _: None)

    said = capsys.readouterr().err
    assert "file not fetched, trying again" in said
    assert "RemoteProtocolError" in said
    assert sha(content) in said


async def test_download_of_an_earlier_process_is_gone_on_with(
    manager: FakeManager, http: httpx.AsyncClient, tmp_path: Path
):
    content = b"0123456789" * 1_000
    manager.put_blob(content)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / sha(content)).write_bytes(content[:4_000])

    assert await read(make_cache(http, tmp_path), content) == content

    assert manager.blob_requests[0].range == "bytes=4000-"


async def test_wrong_beginning_from_an_earlier_process_is_fetched_anew(
    manager: FakeManager, http: httpx.AsyncClient, tmp_path: Path
):
    content = b"0123456789" * 1_000
    manager.put_blob(content)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / sha(content)).write_bytes(b"x" * 4_000)

    assert await read(make_cache(http, tmp_path), content) == content

    assert [request.range for request in manager.blob_requests] == ["bytes=4000-", ""]


async def test_file_whose_hash_is_wrong_again_is_refused_and_not_kept(
    manager: FakeManager, cache: BlobCache, tmp_path: Path
):
    manager.blobs[sha(b"scene")] = b"SCENE"

    with pytest.raises(BlobDamagedError):
        await read(cache, b"scene")

    assert sha(b"scene") not in cache
    assert not files_below(tmp_path)


async def test_endless_answer_is_cut_off(manager: FakeManager, cache: BlobCache):
    manager.blobs[sha(b"scene")] = b"x" * 5_000_000

    with pytest.raises(FetchError):
        await read(cache, b"scene")


async def test_missing_file_is_told_at_once(manager: FakeManager, cache: BlobCache):
    with pytest.raises(BlobMissingError):
        await read(cache, b"unknown")

    assert len(manager.blob_requests) == 1


async def test_a_file_that_no_lease_needs_any_more_is_told_at_once(
    manager: FakeManager, cache: BlobCache
):
    manager.refused.add(sha(b"scene"))

    with pytest.raises(BlobRefusedError):
        await read(cache, b"scene")

    assert len(manager.blob_requests) == 1


async def test_manager_that_cannot_be_reached_is_given_up_on(tmp_path: Path):
    async with open_client(
        "http://127.0.0.1:9", ssl.create_default_context(), connections=1
    ) as client:
        cache = make_cache(client, tmp_path)
        with pytest.raises(FetchError):
            await read(cache, b"scene")


async def test_fetch_after_a_failed_one_starts_anew(manager: FakeManager, cache: BlobCache):
    with pytest.raises(BlobMissingError):
        await read(cache, b"late")
    manager.put_blob(b"late")

    assert await read(cache, b"late") == b"late"


async def test_break_after_break_ends_some_time(manager: FakeManager, cache: BlobCache):
    content = b"0123456789" * 1_000
    manager.put_blob(content)
    manager.cut_after.extend([1] * (MAX_TRIES + 1))

    with pytest.raises(FetchError, match="could not be fetched"):
        await read(cache, content)

    assert len(manager.blob_requests) == MAX_TRIES


async def test_least_recently_used_file_goes_first(
    manager: FakeManager, http: httpx.AsyncClient, tmp_path: Path
):
    cache = make_cache(http, tmp_path, limit_bytes=25)
    first, second, third = (letter * 10 for letter in (b"a", b"b", b"c"))
    for content in (first, second, third):
        manager.put_blob(content)
    await read(cache, first)
    await read(cache, second)
    await read(cache, first)

    await read(cache, third)

    assert sha(second) not in cache
    assert sha(first) in cache
    assert cache.total_bytes == 20


async def test_file_in_use_is_never_thrown_away(
    manager: FakeManager, http: httpx.AsyncClient, tmp_path: Path
):
    cache = make_cache(http, tmp_path, limit_bytes=15)
    first, second = b"a" * 10, b"b" * 10
    manager.put_blob(first)
    manager.put_blob(second)

    async with cache.use(sha(first), 10) as path:
        await read(cache, second)
        assert path.read_bytes() == first

    assert cache.total_bytes <= 15


async def test_what_is_to_come_counts_before_it_comes(
    manager: FakeManager, http: httpx.AsyncClient, tmp_path: Path
):
    cache = make_cache(http, tmp_path, limit_bytes=25)
    first, second, large = b"a" * 10, b"b" * 10, b"c" * 20
    for content in (first, second, large):
        manager.put_blob(content)
    await read(cache, first)
    await read(cache, second)
    manager.hold_blobs = asyncio.Event()

    fetching = asyncio.create_task(read(cache, large))
    await manager.until(lambda: len(manager.blob_requests) == 3 or None, "a request")

    assert cache.total_bytes == 0
    manager.hold_blobs.set()
    assert await fetching == large


async def test_downloads_that_nobody_went_on_with_are_bounded_too(
    manager: FakeManager, http: httpx.AsyncClient, tmp_path: Path
):
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / sha(b"of a job long gone")).write_bytes(b"x" * 900)
    cache = make_cache(http, tmp_path, limit_bytes=1_000)
    content = b"y" * 500
    manager.put_blob(content)
    manager.cut_after.extend([30] * MAX_TRIES)

    with pytest.raises(FetchError):
        await read(cache, content)

    # The old one had to go; of the new one stays what came, to be gone on with.
    assert files_below(tmp_path) == [parts / sha(content)]
    assert await read(cache, content) == content
    assert not files_below(parts)


async def test_disk_that_results_need_is_taken_from_files_not_in_use(
    manager: FakeManager, disk: Disk, http: httpx.AsyncClient, tmp_path: Path
):
    cache = make_cache(http, tmp_path, reserve_bytes=100)
    first, second, third = (letter * 40 for letter in (b"a", b"b", b"c"))
    for content in (first, second, third):
        manager.put_blob(content)
        await read(cache, content)

    disk.free = 90
    async with cache.use(sha(first), 40):
        cache.make_room()
        # 125 are wanted, so that it is not short again at once.
        assert [sha(content) in cache for content in (first, second, third)] == [True, False, True]
        disk.free = 10
        cache.make_room()

    assert sha(third) not in cache
    assert manager.blob_requests[-1].sha256 == sha(third)


async def test_file_that_would_fill_the_disk_is_not_begun(
    manager: FakeManager, disk: Disk, http: httpx.AsyncClient, tmp_path: Path
):
    cache = make_cache(http, tmp_path, reserve_bytes=100)
    small, large = b"a" * 40, b"b" * 500
    for content in (small, large):
        manager.put_blob(content)
    await read(cache, small)
    disk.free = 300

    with pytest.raises(OSError, match="the worker's disk has room for"):
        await read(cache, large)

    assert len(manager.blob_requests) == 1
    assert not files_below(tmp_path / "parts")


async def test_order_of_use_survives_a_restart(
    manager: FakeManager, http: httpx.AsyncClient, tmp_path: Path
):
    cache = make_cache(http, tmp_path)
    contents = [letter * 10 for letter in (b"a", b"b", b"c")]
    for content in contents:
        manager.put_blob(content)
        await read(cache, content)
    await read(cache, contents[0])

    again = make_cache(http, tmp_path, limit_bytes=20)

    assert [sha(content) in again for content in contents] == [True, False, True]


async def test_file_that_was_shortened_is_fetched_again(manager: FakeManager, cache: BlobCache):
    manager.put_blob(b"scene")
    async with cache.use(sha(b"scene"), 5) as path:
        pass
    path.write_bytes(b"sc")

    assert await read(cache, b"scene") == b"scene"


async def test_file_that_was_deleted_is_fetched_again(manager: FakeManager, cache: BlobCache):
    manager.put_blob(b"scene")
    async with cache.use(sha(b"scene"), 5) as path:
        pass
    path.unlink()

    assert await read(cache, b"scene") == b"scene"


async def test_adopted_file_needs_no_fetch(manager: FakeManager, cache: BlobCache, tmp_path: Path):
    made = tmp_path / "made.png"
    made.write_bytes(b"pixels")

    cache.adopt(made, sha(b"pixels"), 6)

    assert await read(cache, b"pixels") == b"pixels"
    assert not manager.blob_requests
    assert not made.exists()


async def test_file_larger_than_the_whole_cache_is_not_adopted(
    http: httpx.AsyncClient, tmp_path: Path
):
    cache = make_cache(http, tmp_path, limit_bytes=5)
    made = tmp_path / "made.png"
    made.write_bytes(b"pixels")

    cache.adopt(made, sha(b"pixels"), 6)

    assert cache.total_bytes == 0
    assert made.exists()
