"""The worker's cache against the real manager: what really goes over the line."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from framefarm.agent.cache import BlobCache
from framefarm.agent.downloads import Downloader
from framefarm.agent.http import open_client
from framefarm.agent.journal import open_journal
from framefarm.api.serving import ManagerServer
from framefarm.farm.settings import ManagerSettings

CONTENT = bytes(range(256)) * 12_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ManagerServer]:
    made = ManagerServer(ManagerSettings(tmp_path / "manager", low_water_bytes=0), port=0)
    made.start()
    assert httpx.put(f"{made.url}/api/blobs/{SHA256}", content=CONTENT).status_code == 201
    yield made
    made.stop()


class Line:
    """What was asked of the manager, and how many bytes it answered."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answered: list[tuple[int, int]] = []

    async def note_request(self, request: httpx.Request) -> None:
        self.asked.append(request.headers.get("range", "all"))

    async def note_answer(self, response: httpx.Response) -> None:
        self.answered.append((response.status_code, int(response.headers["content-length"])))


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
async def http(server: ManagerServer, line: Line) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(server.url, ssl.create_default_context(), connections=4) as client:
        client.event_hooks = {"request": [line.note_request], "response": [line.note_answer]}
        yield client


def cache_of(http: httpx.AsyncClient, root: Path) -> BlobCache:
    journal = open_journal("warning")
    made = BlobCache(
        root,
        limit_bytes=1 << 30,
        fetcher=Downloader(http, key=lambda: None, die=lambda: 0.0, journal=journal),
        journal=journal,
    )
    made.load()
    return made


async def read(cache: BlobCache) -> bytes:
    async with cache.use(SHA256, len(CONTENT)) as path:
        return path.read_bytes()


async def test_many_slots_and_jobs_that_want_one_file_fetch_it_once(
    http: httpx.AsyncClient, line: Line, tmp_path: Path
):
    cache = cache_of(http, tmp_path / "cache")

    got = await asyncio.gather(*(read(cache) for _ in range(8)))

    assert got == [CONTENT] * 8
    assert await read(cache) == CONTENT
    assert await read(cache_of(http, tmp_path / "cache")) == CONTENT
    assert line.asked == ["all"]
    assert line.answered == [(200, len(CONTENT))]


async def test_a_fetch_goes_on_where_an_earlier_process_was_killed(
    http: httpx.AsyncClient, line: Line, tmp_path: Path
):
    have = 1_000_000
    parts = tmp_path / "cache" / "parts"
    parts.mkdir(parents=True)
    (parts / SHA256).write_bytes(CONTENT[:have])

    assert await read(cache_of(http, tmp_path / "cache")) == CONTENT

    assert line.asked == [f"bytes={have}-"]
    assert line.answered == [(206, len(CONTENT) - have)]


async def test_a_wrong_beginning_is_found_and_the_file_fetched_anew(
    http: httpx.AsyncClient, line: Line, tmp_path: Path
):
    parts = tmp_path / "cache" / "parts"
    parts.mkdir(parents=True)
    (parts / SHA256).write_bytes(b"x" * 1_000)

    assert await read(cache_of(http, tmp_path / "cache")) == CONTENT

    assert line.asked == ["bytes=1000-", "all"]
