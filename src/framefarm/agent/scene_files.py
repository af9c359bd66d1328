"""Having a scene at hand: where it lies when it is here already, else from the manager."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from framefarm.agent.cache import BlobCache
    from framefarm.agent.sources import SourceFiles
    from framefarm.agent.trees import Trees
    from framefarm.protocol.messages import SceneFile


@contextlib.asynccontextmanager
async def scene_at_hand(
    sources: SourceFiles,
    cache: BlobCache,
    trees: Trees,
    scene: SceneFile,
    arrived: Callable[[int, int], None],
) -> AsyncIterator[Path]:
    """Have a scene, with all files of its project, at hand while the context is open.

    Args:
        sources, cache, trees: Where its files are, or come to.
        scene: Which.
        arrived: While files are fetched, told how many bytes are there, and of how many.

    Yields:
        The .blend: in its own place when it is that very file, else in the cache.

    Raises:
        FetchError: A file cannot be had.
        TreeError, TreePathError: The list of the project's files is none.
        OSError: The disk is full or failed.
    """
    place = "" if scene.in_tree else scene.source_path
    own = await sources.find(place, scene.sha256, scene.size_bytes)
    if own is not None:
        yield own
        return
    if scene.sha256 not in cache:
        arrived(0, scene.size_bytes)
    async with contextlib.AsyncExitStack() as stack:
        use = cache.use(
            scene.sha256, scene.size_bytes, lambda have: arrived(have, scene.size_bytes)
        )
        path = await stack.enter_async_context(use)
        if scene.in_tree:
            path = await stack.enter_async_context(trees.use(scene.sha256, path, arrived))
        yield path
