"""Giving a manager the files of a job: a .blend, and all files that it links."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from framefarm.client.submissions import BlendRef

if TYPE_CHECKING:
    from framefarm.blender.blendfile import BlendFile
    from framefarm.blender.project import Project
    from framefarm.blender.unpacking import UnpackedFile
    from framefarm.blender.zipped import ZippedProject
    from framefarm.client.farm import Farm

_SUFFIX = ".blend"
_WORTH_CUTTING_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A .blend that a manager has.

    Attributes:
        ref: By what it knows it.
        files: How many it is.
        whole_bytes: Of all of them.
        sent_bytes: What travelled.
    """

    ref: BlendRef
    files: int
    whole_bytes: int
    sent_bytes: int


def hand_in_blend(
    farm: Farm,
    path: Path,
    blend: BlendFile,
    *,
    sha256: str | None = None,
    here: bool = False,
    warn: Callable[[str], None] = lambda _: None,
) -> HandedIn:
    """Give the manager a file, and all files that it links, unless it has them.

    To a manager on another machine only what it lacks is sent, and of a compressed file what is in
    it: after a small change most of that is the same, which cannot be said of the file.

    Args:
        blend: What is in it.
        sha256: Of its content, where known already.
        here: Whether it is this machine's own manager, to which all travels fast.
        warn: Told of what may be wrong with it.

    Raises:
        FrameFarmError: A file cannot be read, or have its name on other machines, or is refused.
    """
    sender = _Sender(farm, here=here)
    missing = blend.missing_paths
    if any(link.files for link in blend.links):
        with tempfile.TemporaryDirectory(prefix="framefarm-") as folder:
            project = _gather(path, blend, Path(folder), warn)
            return _send_project(sender, missing, project, Path(folder))
    found, whole = sender.send(path, sha256=sha256)
    ref = BlendRef(found, path.name, str(path.absolute()), missing)
    return HandedIn(ref, 1, whole, sender.sent_bytes)


def hand_in_zip(
    farm: Farm,
    zipped: ZippedProject,
    folder: Path,
    *,
    here: bool = False,
    warn: Callable[[str], None] = lambda _: None,
) -> HandedIn:
    """Give the manager all files of a project that came as a .zip, unless it has them.

    Args:
        zipped: The project, unpacked.
        folder: Where a file of its may be written.
        here: Whether it is this machine's own manager, to which all travels fast.
        warn: Told of what may be wrong with it.

    Raises:
        FrameFarmError: A file cannot be read, or is refused.
    """
    for warning in zipped.project.warnings:
        warn(warning)
    return _send_project(_Sender(farm, here=here), zipped.missing, zipped.project, folder)


def _gather(path: Path, blend: BlendFile, folder: Path, warn: Callable[[str], None]) -> Project:
    from framefarm.blender.project import gather  # noqa: PLC0415  slow, and not always needed

    project = gather(path, blend.links, folder)
    for warning in project.warnings:
        warn(warning)
    return project


def _send_project(
    sender: _Sender, missing: tuple[str, ...], project: Project, folder: Path
) -> HandedIn:
    from framefarm.protocol.trees import Tree, TreeFile, encode_tree  # noqa: PLC0415

    sent = {place: sender.send(source) for place, source in sorted(project.files.items())}
    tree = Tree(project.blend, tuple(TreeFile(place, *found) for place, found in sent.items()))
    listed = folder / "tree.json"
    listed.write_bytes(encode_tree(tree))
    tree_sha256 = sender.farm.upload_blob(listed)
    name = project.blend.rpartition("/")[2]
    ref = BlendRef(tree.main.sha256, name, missing=missing, tree=tree_sha256)
    return HandedIn(ref, len(sent), tree.size_bytes, sender.sent_bytes)


@dataclass
class _Sender:
    """Sends files to a manager.

    Attributes:
        here: Whether it is this machine's own, to which all travels fast.
        sent_bytes: What travelled to another.
    """

    farm: Farm
    here: bool
    sent_bytes: int = 0

    def send(self, path: Path, *, sha256: str | None = None) -> tuple[str, int]:
        """Send a file, unless the manager has it; returns its hash and size there."""
        from framefarm.client.blob_calls import hash_file  # noqa: PLC0415  not before it is needed

        size_bytes = path.stat().st_size
        sha256 = sha256 or hash_file(path)
        if self.here:
            return self.farm.upload_blob(path, sha256=sha256), size_bytes
        if self.farm.has_blob(sha256):
            return sha256, size_bytes
        unpacked = _unpacked(path)
        if unpacked is not None:
            with unpacked.stream as stream:
                whole = unpacked.size_bytes
                return self.farm.upload_in_chunks(stream, whole, count=self._count), whole
        if size_bytes < _WORTH_CUTTING_BYTES:
            return self.farm.upload_blob(path, sha256=sha256, count=self._count), size_bytes
        with path.open("rb") as file:
            return self.farm.upload_in_chunks(file, size_bytes, count=self._count), size_bytes

    def _count(self, sent: int) -> None:
        self.sent_bytes += sent


def _unpacked(path: Path) -> UnpackedFile | None:
    """A .blend, open for reading what is in it; None for any other file.

    A library that is damaged is one: it travels as it is, and Blender, too, opens the rest.
    """
    from framefarm.blender.errors import BlendFileError  # noqa: PLC0415  as above
    from framefarm.blender.unpacking import open_unpacked  # noqa: PLC0415

    if path.suffix.lower() != _SUFFIX:
        return None
    try:
        return open_unpacked(path)
    except BlendFileError:
        return None
