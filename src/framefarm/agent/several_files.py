"""Having several files of the cache at hand together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AsyncExitStack
    from pathlib import Path

    from framefarm.agent.cache import BlobCache

_AT_ONCE = 4
"""Fetches on their way together: hides the round trips, and keeps the order roughly."""


class WantedFile(Protocol):
    """A file by its content."""

    @property
    def sha256(self) -> str:
        """Of its content."""

    @property
    def size_bytes(self) -> int:
        """Of its content."""


_F = TypeVar("_F", bound=WantedFile)


async def use_together(
    stack: AsyncExitStack,
    cache: BlobCache,
    files: Iterable[_F],
    *,
    arrived: Callable[[_F, int], None],
    there: Callable[[_F], None] = lambda _: None,
) -> list[Path]:
    """Fetch files, a few at a time; they stay until the stack is closed.

    Args:
        stack: What keeps them.
        cache: Where they lie, or come to.
        files: What is needed.
        arrived: While one is fetched, told how many of its bytes are there.
        there: Told of each that is there.

    Returns:
        Where they lie, in the same order.

    Raises:
        FetchError: One cannot be had.
        OSError: The disk is full or failed.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def fetch(file: _F) -> Path:
        def told(have_bytes: int) -> None:
            arrived(file, have_bytes)

        async with room:
            use = cache.use(file.sha256, file.size_bytes, told)
            path = await stack.enter_async_context(use)
        there(file)
        return path

    tasks = [asyncio.create_task(fetch(file)) for file in files]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
