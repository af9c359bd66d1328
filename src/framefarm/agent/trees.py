"""Projects of several files, laid out so that a Blender finds them.

A tree is a folder of links into the cache: it costs no room, many trees share their files, and a
file that left the cache and came back is where the link leads again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import shutil
from collections import OrderedDict
from typing import TYPE_CHECKING

from framefarm.agent.several_files import use_together
from framefarm.protocol.trees import decode_tree

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from framefarm.agent.cache import BlobCache
    from framefarm.protocol.trees import Tree, TreeFile

_KEPT = 20


class Trees:
    """The projects laid out on this machine. All of it belongs to one event loop.

    Args:
        root: Where they lie; empty.
        cache: Where their files are.
    """

    def __init__(self, root: Path, cache: BlobCache) -> None:
        self._root = root
        self._cache = cache
        self._laid_out: OrderedDict[str, Tree] = OrderedDict()
        self._users: dict[str, int] = {}
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def use(
        self, sha256: str, manifest: Path, arrived: Callable[[int, int], None]
    ) -> AsyncIterator[Path]:
        """Have a project at hand; its files stay while the context is open.

        Args:
            sha256: Of its list.
            manifest: The list itself.
            arrived: While files are fetched, told how many bytes are there, and of how many.

        Yields:
            The .blend to render, in its place.

        Raises:
            FetchError: A file cannot be had.
            TreeError, TreePathError: The list is none.
            OSError: The disk is full or failed.
        """
        tree = self._laid_out.get(sha256)
        if tree is None:
            tree = await asyncio.to_thread(_read, manifest)
        self._users[sha256] = self._users.get(sha256, 0) + 1
        try:
            async with contextlib.AsyncExitStack() as stack:
                await self._have_files(tree, stack, arrived)
                async with self._lock:
                    await self._lay_out(sha256, tree)
                yield self._root / sha256 / tree.blend
        finally:
            self._users[sha256] -= 1
            if not self._users[sha256]:
                del self._users[sha256]

    async def _have_files(
        self, tree: Tree, stack: contextlib.AsyncExitStack, arrived: Callable[[int, int], None]
    ) -> None:
        have: dict[str, int] = {}
        whole = tree.size_bytes

        def told(file: TreeFile, bytes_: int) -> None:
            have[file.sha256] = bytes_
            arrived(sum(have.values()), whole)

        lacking = [file for file in tree.files if file.sha256 not in self._cache]
        await use_together(stack, self._cache, lacking, arrived=told)
        # One after the other: all are here, and a project may have thousands.
        for file in tree.files:
            use = self._cache.use(file.sha256, file.size_bytes, functools.partial(told, file))
            await stack.enter_async_context(use)

    async def _lay_out(self, sha256: str, tree: Tree) -> None:
        folder = self._root / sha256
        if sha256 not in self._laid_out or not folder.is_dir():
            await asyncio.to_thread(self._link, folder, tree)
        self._laid_out[sha256] = tree
        self._laid_out.move_to_end(sha256)
        for old in [old for old in self._laid_out if old not in self._users][:-_KEPT]:
            del self._laid_out[old]
            await asyncio.to_thread(shutil.rmtree, self._root / old, ignore_errors=True)

    def _link(self, folder: Path, tree: Tree) -> None:
        begun = folder.with_name(f"{folder.name}.begun")
        shutil.rmtree(begun, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        for file in tree.files:
            place = begun / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(self._cache.place_of(file.sha256).absolute())
        begun.rename(folder)


def _read(manifest: Path) -> Tree:
    return decode_tree(manifest.read_bytes())
