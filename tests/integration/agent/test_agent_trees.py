"""Projects laid out on a worker: links into its cache."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from framefarm.agent.cache import BlobCache
from framefarm.agent.errors import BlobMissingError
from framefarm.agent.trees import Trees
from framefarm.core.tree_paths import TreePathError
from framefarm.protocol.trees import Tree, TreeFile, encode_tree
from tests.integration.agent.resources import JOURNAL


class Files:
    """A manager with some files, which counts what is fetched."""

    def __init__(self, *contents: bytes) -> None:
        self.contents = {hashlib.sha256(content).hexdigest(): content for content in contents}
        self.fetched: list[str] = []

    async def fetch(
        self, sha256: str, size_bytes: int, part: Path, arrived: Callable[[int], None]
    ) -> None:
        if sha256 not in self.contents:
            raise BlobMissingError(sha256, "the manager does not have it")
        self.fetched.append(sha256)
        await asyncio.sleep(0)
        part.write_bytes(self.contents[sha256])  # noqa: ASYNC240  a few bytes
        arrived(size_bytes)


class Laid:
    """A worker's cache and trees, and projects for them."""

    def __init__(self, root: Path, files: Files, *, limit_bytes: int = 1 << 30) -> None:
        self.root = root
        self.files = files
        self.cache = BlobCache(
            root / "cache", limit_bytes=limit_bytes, fetcher=files, journal=JOURNAL
        )
        self.cache.load()
        self.trees = Trees(root / "trees", self.cache)
        self.told: list[tuple[int, int]] = []

    def use(self, **places: bytes):
        files = tuple(
            TreeFile(path.replace("__", "/"), hashlib.sha256(content).hexdigest(), len(content))
            for path, content in places.items()
        )
        content = encode_tree(Tree(files[0].path, files))
        manifest = self.root / "manifest"
        manifest.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        return self.trees.use(sha256, manifest, lambda *told: self.told.append(told))


async def test_a_project_lies_there_with_its_files_in_their_places(tmp_path: Path):
    laid = Laid(tmp_path, Files(b"scene", b"wood"))

    async with laid.use(shots__shot=b"scene", maps__wood=b"wood", maps__oak=b"wood") as blend:
        assert blend.read_bytes() == b"scene"
        assert (blend.parent.parent / "maps" / "wood").read_bytes() == b"wood"
        assert (blend.parent.parent / "maps" / "oak").read_bytes() == b"wood"

    assert len(laid.files.fetched) == 2
    assert laid.told[-1] == (9, 13)  # equal files travel once


async def test_the_same_project_is_laid_out_once_and_found_again(tmp_path: Path):
    laid = Laid(tmp_path, Files(b"scene"))

    async with laid.use(shot=b"scene") as first, laid.use(shot=b"scene") as second:
        assert first == second
        inode = first.lstat().st_ino
    async with laid.use(shot=b"scene") as third:
        assert third.lstat().st_ino == inode


async def test_a_file_that_left_the_cache_comes_again_in_its_place(tmp_path: Path):
    laid = Laid(tmp_path, Files(b"scene", b"w" * 100, b"x" * 100), limit_bytes=150)
    async with laid.use(shot=b"scene", wood=b"w" * 100):
        pass
    async with laid.use(other=b"x" * 100):
        pass

    async with laid.use(shot=b"scene", wood=b"w" * 100) as blend:
        assert (blend.parent / "wood").read_bytes() == b"w" * 100
        # In use, nothing of it goes, however full the cache is.
        async with laid.use(other=b"x" * 100):
            assert (blend.parent / "wood").read_bytes() == b"w" * 100


async def test_a_file_that_cannot_be_had_is_told_and_nothing_stays_behind(tmp_path: Path):
    laid = Laid(tmp_path, Files(b"scene"))

    with pytest.raises(BlobMissingError):
        async with laid.use(shot=b"scene", wood=b"nowhere"):
            raise AssertionError
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not others
    laid.files.contents[hashlib.sha256(b"nowhere").hexdigest()] = b"nowhere"
    async with laid.use(shot=b"scene", wood=b"nowhere") as blend:
        assert (blend.parent / "wood").read_bytes() == b"nowhere"


async def test_a_list_with_a_place_outside_is_refused_before_anything_is_made(tmp_path: Path):
    laid = Laid(tmp_path, Files(b"scene"))
    sha256 = hashlib.sha256(b"scene").hexdigest()
    manifest = tmp_path / "manifest"
    manifest.write_text(f'{{"blend": "../x", "files": [["../x", "{sha256}", 5]]}}')

    with pytest.raises(TreePathError):
        async with laid.trees.use("0" * 64, manifest, lambda *_: None):
            raise AssertionError
    assert not (tmp_path / "trees").exists()
    assert laid.files.fetched == []


async def test_trees_of_long_ago_go(tmp_path: Path):
    contents = [b"scene %d" % number for number in range(25)]
    laid = Laid(tmp_path, Files(*contents))

    for content in contents:
        async with laid.use(shot=content):
            pass

    left = [path.name for path in (tmp_path / "trees").iterdir()]
    assert len(left) <= 21
