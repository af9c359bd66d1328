"""Giving a manager the files of a job."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from framefarm.cli.display.words import plural, size
from framefarm.cli.farm_options import is_here
from framefarm.client.submissions import BlendRef

if TYPE_CHECKING:
    from framefarm.blender.project import Project
    from framefarm.blender.unpacking import UnpackedFile
    from framefarm.cli.embedded.reading import ReadBlend
    from framefarm.client.farm import Farm

_SUFFIX = ".blend"
_WORTH_CUTTING_BYTES = 4 << 20


def hand_over(farm: Farm, read: ReadBlend, *, tell: bool) -> BlendRef:
    """Give the manager a file, and all files that it links, unless it has them.

    To a manager on another machine only what it lacks is sent, and of a compressed file what is in
    it: after a small change most of that is the same, which cannot be said of the file.

    Args:
        tell: Whether to say what was sent.

    Returns:
        By what the manager knows it.

    Raises:
        FrameFarmError: A file cannot be read, or have its name on other machines, or is refused.
    """
    sender = _Sender(farm, here=is_here(farm.url))
    path = read.path
    if read.linked:
        with tempfile.TemporaryDirectory(prefix="framefarm-") as folder:
            ref, told = _hand_over_project(sender, read, Path(folder))
    else:
        sha256, whole = sender.send(path, sha256=read.sha256)
        ref = BlendRef(sha256, path.name, str(path.absolute()), read.missing)
        told = sender.told("the file's", whole)
    if tell and not sender.here:
        click.echo(told, err=True)
    return ref


def _hand_over_project(sender: _Sender, read: ReadBlend, folder: Path) -> tuple[BlendRef, str]:
    from framefarm.blender.project import gather  # noqa: PLC0415  not for --help

    project = gather(read.path, read.blend.links, folder)
    for warning in project.warnings:
        click.echo(f"framefarm: warning: {warning}", err=True)
    return _send_project(sender, read, project, folder)


def _send_project(
    sender: _Sender, read: ReadBlend, project: Project, folder: Path
) -> tuple[BlendRef, str]:
    from framefarm.protocol.trees import Tree, TreeFile, encode_tree  # noqa: PLC0415

    sent = {place: sender.send(source) for place, source in sorted(project.files.items())}
    tree = Tree(project.blend, tuple(TreeFile(place, *found) for place, found in sent.items()))
    listed = folder / "tree.json"
    listed.write_bytes(encode_tree(tree))
    tree_sha256 = sender.farm.upload_blob(listed)
    ref = BlendRef(tree.main.sha256, read.path.name, missing=read.missing, tree=tree_sha256)
    return ref, sender.told(f"{plural(len(sent), 'file')} of", tree.size_bytes)


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
        from framefarm.client.blob_calls import hash_file  # noqa: PLC0415  not for --help

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

    def told(self, what: str, whole: int) -> str:
        """A sentence on what was sent, of what was to be."""
        if not self.sent_bytes:
            return f"The farm had all of {what} {size(whole)}."
        return f"Sent {size(self.sent_bytes)} for {what} {size(whole)}."


def _unpacked(path: Path) -> UnpackedFile | None:
    """A .blend, open for reading what is in it; None for any other file.

    A library that is damaged is one: it travels as it is, and Blender, too, opens the rest.
    """
    from framefarm.blender.errors import BlendFileError  # noqa: PLC0415  not for --help
    from framefarm.blender.unpacking import open_unpacked  # noqa: PLC0415

    if path.suffix.lower() != _SUFFIX:
        return None
    try:
        return open_unpacked(path)
    except BlendFileError:
        return None
