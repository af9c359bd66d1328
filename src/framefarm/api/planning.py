"""Planning what was asked for, off the event loop."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from framefarm.blender.errors import BlendFileError
from framefarm.core.listing import first_of
from framefarm.farm.accounts import Identity
from framefarm.farm.new_jobs import PlannedJob
from framefarm.farm.ownership import check_own, not_theirs, sees_all
from framefarm.farm.render_jobs import JobRefusedError, RenderRequest, plan_render_job
from framefarm.farm.service import Farm
from framefarm.protocol.trees import (
    MAX_TREE_BYTES,
    Tree,
    TreeError,
    TreeFile,
    decode_tree,
    encode_tree,
)
from framefarm.storage import BlobFolder


async def plan_render(
    farm: Farm,
    request: RenderRequest,
    who: Identity | None = None,
    *,
    came: Path | None = None,
) -> PlannedJob:
    """Plan the rendering of a .blend that was uploaded before, or has just come.

    Args:
        came: The .blend, where it has just come by itself and is not stored yet.
        who: Who asks. An artist may name own files only, and no place on a worker's disk: what lies
            beside a file there may be another's.

    Raises:
        BlobMissingError: It was not, or not by who asks.
        TreeError, TreePathError: What came as the list of its project's files is none.
        FrameFarmError: See `plan_render_job`.
    """
    path = came if came is not None else await _stored(farm, request.blend_sha256, who)
    versions = farm.roster.blender_versions()
    tree, tree_bytes = None, 0
    if not sees_all(who):
        request = replace(request, source_path="")
    if request.tree_sha256 is not None:
        await check_own(farm, who, request.tree_sha256)
        tree, tree_bytes = await asyncio.to_thread(
            _read_tree, farm.blobs, request, request.tree_sha256
        )
        others = await not_theirs(farm, who, [file.sha256 for file in tree.files])
        await asyncio.to_thread(_check_files, farm.blobs, tree, others)
    try:
        return await asyncio.to_thread(
            plan_render_job,
            request,
            path,
            versions=versions,
            tree=tree,
            tree_bytes=tree_bytes,
            alone=came is not None,
        )
    except BlendFileError as error:
        # Where it lies here is nothing that its owner knows, or needs to.
        raise error.called(request.blend_name) from error


async def _stored(farm: Farm, sha256: str, who: Identity | None) -> Path:
    await check_own(farm, who, sha256)
    path = farm.blobs.existing(sha256)
    farm.blobs.touch(sha256)
    return path


def _read_tree(blobs: BlobFolder, request: RenderRequest, tree_sha256: str) -> tuple[Tree, int]:
    """The project that a request names, and its list's size."""
    path = blobs.existing(tree_sha256)
    if path.stat().st_size > MAX_TREE_BYTES:
        raise TreeError(f"A project's list has at most {MAX_TREE_BYTES >> 20} MiB.")
    content = path.read_bytes()
    tree = decode_tree(content)
    if content != encode_tree(tree):
        # Else its size, which workers are told, would not be known from what it says.
        raise TreeError("The project's list is not written as this manager writes one.")
    if tree.main.sha256 != request.blend_sha256:
        raise TreeError(f"The project's {tree.blend!r} is not the .blend that was named.")
    blobs.touch(tree_sha256)
    return tree, len(content)


def _check_files(blobs: BlobFolder, tree: Tree, others: set[str]) -> None:
    """Make sure that all files of a project are here; those of others are not, for who asks."""
    lacking = [
        file.path for file in tree.files if file.sha256 in others or not _is_here(blobs, file)
    ]
    if lacking:
        listed = first_of([repr(path) for path in lacking])
        text = f"{len(lacking)} files of the project were not uploaded: {listed}."
        raise JobRefusedError("lacking_files", text)


def _is_here(blobs: BlobFolder, file: TreeFile) -> bool:
    if not blobs.has(file.sha256) or blobs.existing(file.sha256).stat().st_size != file.size_bytes:
        return False
    # Touched, so that it is not taken for a leftover before the job is stored.
    blobs.touch(file.sha256)
    return True
