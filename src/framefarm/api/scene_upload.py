"""What came to be rendered, made into files of the farm: a .blend, or a .zip of a project."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from framefarm.blender.unzipping import ZipLimits, is_zip
from framefarm.blender.zipped import WhichBlendError, ZippedProject, open_zipped
from framefarm.farm.accounts import Identity
from framefarm.farm.new_jobs import PlannedJob
from framefarm.farm.ownership import keep_owner
from framefarm.farm.service import Farm
from framefarm.protocol.trees import Tree, TreeFile, encode_tree
from framefarm.storage import BlobFolder, UnannouncedBlob, adopt, translated, workplace

_TIMES_AS_LARGE = 4
"""A project in a .zip may have so many times the bytes that a file may have."""

_AT_ONCE = 2


@dataclass(frozen=True)
class Scene:
    """What is to be rendered, stored.

    Attributes:
        blend_sha256: The .blend.
        blend_name: Its name; empty where nobody said one.
        tree_sha256: The list of its project's files, where there are more.
        files: SHA-256 of all that was stored.
        missing: What the .blend links and did not come with it.
        warnings: What else may be wrong with it.
    """

    blend_sha256: str
    blend_name: str = ""
    tree_sha256: str | None = None
    files: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


Plan = Callable[[Scene, Path | None], Awaitable[PlannedJob]]


class Scenes:
    """Stores scenes.

    Args:
        farm: Where.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def planned(
        self, who: Identity | None, incoming: UnannouncedBlob, wanted: str, plan: Plan
    ) -> tuple[Scene, PlannedJob]:
        """Plan the rendering of a file that came whole, and store it, or all of a .zip.

        A .blend is planned before it is stored: what cannot be rendered leaves nothing behind.

        Args:
            who: Whose it is then.
            incoming: The file.
            wanted: Which .blend of a .zip; empty for the only one.
            plan: Plans a scene; is told where its .blend is while that is not stored.

        Raises:
            WhichBlendError: There is none of that name, or it is not clear which.
            FrameFarmError: It cannot be unpacked, or is too large; see `unzip`.
            StorageFullError: There is no room for it.
        """
        farm = self._farm
        if await asyncio.to_thread(is_zip, incoming.path):
            async with self._turn:
                most = farm.settings.largest_upload_bytes
                scene = await asyncio.to_thread(_unpacked, farm.blobs, incoming, wanted, most)
            await keep_owner(farm, who, scene.files)
            return scene, await plan(scene, None)
        if wanted:
            text = f"What came is no .zip, so it has no {wanted[:200]!r} in it; leave that out."
            raise WhichBlendError(text)
        scene = Scene(incoming.sha256, files=(incoming.sha256,))
        job = await plan(scene, incoming.path)
        await asyncio.to_thread(incoming.keep)
        await keep_owner(farm, who, scene.files)
        return scene, job


def _unpacked(blobs: BlobFolder, incoming: UnannouncedBlob, wanted: str, most: int) -> Scene:
    limits = replace(ZipLimits(), max_file_bytes=most, max_total_bytes=_TIMES_AS_LARGE * most)
    with workplace(blobs) as folder, translated(folder):
        zipped = open_zipped(
            incoming.path,
            folder,
            wanted=wanted,
            limits=limits,
            make_room=blobs.make_sure_of_room,
        )
        return _kept(blobs, zipped)


def _kept(blobs: BlobFolder, zipped: ZippedProject) -> Scene:
    project = zipped.project
    known = {file.path: file.sha256 for file in zipped.unzipped}
    sizes = {place: path.stat().st_size for place, path in project.files.items()}
    hashes = {place: known.get(path) or _hash(path) for place, path in project.files.items()}
    tree = Tree(
        project.blend,
        tuple(TreeFile(place, hashes[place], sizes[place]) for place in sorted(hashes)),
    )
    adopt(blobs, [(path, hashes[place]) for place, path in project.files.items()])
    lone = len(tree.files) == 1
    tree_sha256 = None if lone else _keep_list(blobs, encode_tree(tree))
    return Scene(
        blend_sha256=tree.main.sha256,
        blend_name=project.blend.rpartition("/")[2],
        tree_sha256=tree_sha256,
        files=tuple(dict.fromkeys([*hashes.values(), *filter(None, [tree_sha256])])),
        missing=zipped.missing,
        warnings=project.warnings,
    )


def _keep_list(blobs: BlobFolder, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    with blobs.receive(sha256, len(content)) as incoming:
        incoming.write(content)
        incoming.check()
        incoming.keep()
    return sha256


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
