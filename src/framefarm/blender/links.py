"""The files a .blend links: images, libraries, sounds, fonts, caches, and which are missing."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from blender_asset_tracer import bpathlib
from blender_asset_tracer.blendfile.iterators import listbase
from blender_asset_tracer.trace import asset_holding_blocks, blocks2assets
from blender_asset_tracer.trace.file2blocks import BlockIterator

from framefarm.blender.blocks import PARSE_FAULTS, BoundedFile
from framefarm.blender.errors import BlendFileError
from framefarm.blender.finding import Finder, WhereSaid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blender_asset_tracer.blendfile import BlendFileBlock
    from blender_asset_tracer.trace.result import BlockUsage

    from framefarm.blender.unpacking import ReadLimits

LinkKind = Literal[
    "image", "library", "sound", "font", "movie_clip", "cache", "volume", "strip", "other"
]

_KINDS: dict[bytes, LinkKind] = {
    b"IM": "image",
    b"LI": "library",
    b"SO": "sound",
    b"VF": "font",
    b"MC": "movie_clip",
    b"CF": "cache",
    b"VO": "volume",
    b"OB": "cache",
    b"ME": "cache",
    b"SC": "strip",
}

_WHERE_SAID = WhereSaid()


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """A file that a .blend, or a library it links, refers to. Packed files are none.

    Attributes:
        path: As written in the file, `//` meaning the folder of the file that links it.
        said: Where that is on this machine, if it is there.
        absolute: Where it was found; the same, unless it was looked for elsewhere.
        kind: What it is used for.
        missing: Whether nothing is there.
        is_sequence: Whether it stands for several files: a numbered sequence or UDIM tiles.
        linked_by: The .blend that refers to it.
        files: The files there are: one, or all of a sequence; empty when missing.
    """

    path: str
    said: Path
    absolute: Path
    kind: LinkKind
    missing: bool
    is_sequence: bool
    linked_by: Path
    files: tuple[Path, ...]


def trace_links(
    file: BoundedFile, limits: ReadLimits, finder: Finder = _WHERE_SAID
) -> tuple[LinkedFile, ...]:
    """Everything a file links, and what its libraries need of theirs.

    Args:
        file: Open .blend.
        limits: Bounds for unpacking its libraries.
        finder: Finds what is linked; libraries, too, are only opened where it finds them.

    Returns:
        Each linked file once, in order of first use. A library that is damaged is listed, not
        followed: Blender, too, opens the rest.
    """
    seen: dict[tuple[Path, Path], LinkedFile] = {}
    with ExitStack() as libraries:
        walk = _BoundedWalk(libraries, limits, finder)
        for block in asset_holding_blocks(walk.iter_blocks(file)):
            for link in _links_of(block, finder):
                seen.setdefault((link.linked_by, link.said), link)
    return tuple(seen.values())


class _BoundedWalk(BlockIterator):
    """The tracer's walk through a file and its libraries, with every file bounded."""

    def __init__(self, libraries: ExitStack, limits: ReadLimits, finder: Finder) -> None:
        super().__init__()
        self._finder = finder
        self._libraries = libraries
        self._limits = limits

    def _visit_linked_blocks(
        self, blocks_per_lib: dict[bpathlib.BlendPath, set[BlendFileBlock]]
    ) -> Iterator[BlendFileBlock]:
        for library, placeholders in blocks_per_lib.items():
            said = bpathlib.make_absolute(library.to_path())
            near = Path(next(iter(placeholders)).bfile.filepath).parent
            found = self._finder.find(said, is_sequence=False, near=near)
            if found.files != (found.path,):
                continue  # missing; the library itself is reported by its block
            try:
                file = BoundedFile(found.path, self._limits)
            except BlendFileError:
                continue  # damaged
            self._libraries.callback(file.close)
            yield from self.iter_blocks(file, placeholders)

    def _queue_dependencies(self, block: BlendFileBlock) -> None:
        try:
            super()._queue_dependencies(block)
            for used in _used_by_nodes(block):
                self.to_visit.put(used)
        except PARSE_FAULTS:
            # One block of a kind the tracer does not know must not hide all others.
            return


def _used_by_nodes(block: BlendFileBlock) -> Iterator[BlendFileBlock]:
    """What a data-block's nodes use.

    The tracer looks at nodes only where `use_nodes` is set, which Blender 5.0 no longer does.
    """
    for field in (b"nodetree", b"compositing_node_group"):
        tree = block.get_pointer(field, default=None)
        if tree is None or not tree.has_field(b"nodes"):
            continue  # none, or linked itself
        for node in listbase(tree.get_pointer((b"nodes", b"first"))):
            if (used := node.get_pointer(b"id")) is not None:
                yield used


def _links_of(block: BlendFileBlock, finder: Finder) -> Iterator[LinkedFile]:
    try:
        for usage in blocks2assets.iter_assets(block):
            if bytes(usage.asset_path).strip(b"/"):
                yield _link(block, usage, finder)
    except PARSE_FAULTS:
        return  # as above


def _link(block: BlendFileBlock, usage: BlockUsage, finder: Finder) -> LinkedFile:
    said, linked_by = Path(usage.abspath), Path(block.bfile.filepath)
    near = linked_by.parent if usage.asset_path.is_absolute() else None
    found = finder.find(said, is_sequence=usage.is_sequence, near=near)
    return LinkedFile(
        path=str(usage.asset_path),
        said=said,
        absolute=found.path,
        kind=_KINDS.get(block.code, "other"),
        missing=not found.files,
        is_sequence=usage.is_sequence,
        linked_by=linked_by,
        files=found.files,
    )
