"""What an executor gets in tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from framefarm.agent.cache import BlobCache, Fetcher
from framefarm.agent.errors import BlobMissingError
from framefarm.agent.executors.contract import SlotResources
from framefarm.agent.journal import open_journal
from framefarm.agent.settings import AgentSettings
from framefarm.agent.sources import SourceFiles
from framefarm.agent.thumbnails import Thumbnailer
from framefarm.agent.trees import Trees
from framefarm.agent.work import UnitWork
from framefarm.blender.installations import BlenderInstallation
from framefarm.core.versions import BlenderVersion
from framefarm.processes.child_process import NO_LIMITS
from framefarm.protocol.messages import InputFile

BLENDER = BlenderInstallation("executable", BlenderVersion(5, 0), "5.0.1", Path("/b"))
JOURNAL = open_journal("error")


class NothingToFetch:
    """A manager without files."""

    async def fetch(
        self,
        sha256: str,
        size_bytes: int,  # noqa: ARG002
        part: Path,  # noqa: ARG002
        arrived: Callable[[int], None],  # noqa: ARG002
    ) -> None:
        raise BlobMissingError(sha256, "the manager does not have it")


class SlowLine:
    """A manager whose files come in ten pieces."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def fetch(
        self,
        sha256: str,  # noqa: ARG002
        size_bytes: int,
        part: Path,
        arrived: Callable[[int], None],
    ) -> None:
        for tenth in range(1, 11):
            await asyncio.sleep(0)
            arrived(size_bytes * tenth // 10)
        part.write_bytes(self.content)  # noqa: ASYNC240  a few bytes


@asynccontextmanager
async def slot_resources(
    root: Path, fetcher: Fetcher | None = None, **settings: Any
) -> AsyncIterator[SlotResources]:
    cache = BlobCache(
        root / "cache",
        limit_bytes=1 << 30,
        fetcher=fetcher or NothingToFetch(),
        journal=JOURNAL,
    )
    cache.load()
    thumbnails = Thumbnailer(root, NO_LIMITS, idle_s=60.0)
    with ThreadPoolExecutor(2) as pool:
        yield SlotResources(
            slot="cpu",
            settings=AgentSettings(data_dir=root, **settings),
            threads=2,
            blenders=(BLENDER,),
            cache=cache,
            trees=Trees(root / "trees", cache),
            sources=SourceFiles(),
            thumbnails=thumbnails,
            pool=pool,
            scratch_dir=root,
            journal=JOURNAL,
        )
        await thumbnails.close()


def unit_work(
    kind: str,
    settings: msgspec.Struct,
    unit: int = 1,
    inputs: tuple[InputFile, ...] = (),
    limit_s: float | None = None,
) -> UnitWork:
    return UnitWork(
        slot="cpu",
        lease="L1",
        stage=1,
        job=1,
        unit=unit,
        attempt=1,
        kind=kind,
        settings=msgspec.Raw(msgspec.json.encode(settings)),
        inputs=inputs,
        stall_s=limit_s,
    )


class Steps:
    """Remembers progress."""

    def __init__(self) -> None:
        self.all: list[tuple[int, int, str]] = []

    def __call__(self, done: int, total: int, phase: str) -> None:
        self.all.append((done, total, phase))

    @property
    def phases(self) -> list[str]:
        return list(dict.fromkeys(phase for _, _, phase in self.all))
