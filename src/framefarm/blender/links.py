"""The files a .blend links: images, libraries, sounds, fonts, caches, and which are missing."""

from __future__ import annotations

import re
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
_TILES = re.compile(r"<UDIM>|<UVTILE>")
_LAST_DIGITS = re.compile(r"\d+(?!.*\d)")


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """A file that a .blend, or a library it links, refers to. Packed files are none.

    Attributes:
        path: As written in the file, `//` meaning the folder of the file that links it.
        absolute: Where that is on this machine.
        kind: What it is used for.
        missing: Whether nothing is there.
        is_sequence: Whether it stands for several files: a numbered sequence or UDIM tiles.
        linked_by: The .blend that refers to it.
        files: The files there are: one, or all of a sequence; empty when missing.
    """

    path: str
    absolute: Path
    kind: LinkKind
    missing: bool
    is_sequence: bool
    linked_by: Path
    files: tuple[Path, ...]


def trace_links(file: BoundedFile, limits: ReadLimits) -> tuple[LinkedFile, ...]:
    """Everything a file links, and what its libraries need of theirs.

    Args:
        file: Open .blend.
        limits: Bounds for unpacking its libraries.

    Returns:
        Each linked file once, in order of first use. A library that is damaged is listed, not
        followed: Blender, too, opens the rest.
    """
    seen: dict[tuple[Path, Path], LinkedFile] = {}
    with ExitStack() as libraries:
        walk = _BoundedWalk(libraries, limits)
        for block in asset_holding_blocks(walk.iter_blocks(file)):
            for link in _links_of(block):
                seen.setdefault((link.linked_by, link.absolute), link)
    return tuple(seen.values())


class _BoundedWalk(BlockIterator):
    """The tracer's walk through a file and its libraries, with every file bounded."""

    def __init__(self, libraries: ExitStack, limits: ReadLimits) -> None:
        super().__init__()
        self._libraries = libraries
        self._limits = limits

    def _visit_linked_blocks(
        self, blocks_per_lib: dict[bpathlib.BlendPath, set[BlendFileBlock]]
    ) -> Iterator[BlendFileBlock]:
        for library, placeholders in blocks_per_lib.items():
            path = bpathlib.make_absolute(library.to_path())
            try:
                file = BoundedFile(path, self._limits)
            except BlendFileError:
                continue  # missing or damaged; the library itself is reported by its block
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


def _links_of(block: BlendFileBlock) -> Iterator[LinkedFile]:
    try:
        for usage in blocks2assets.iter_assets(block):
            if bytes(usage.asset_path).strip(b"/"):
                yield _link(block, usage)
    except PARSE_FAULTS:
        return  # as above


def _link(block: BlendFileBlock, usage: BlockUsage) -> LinkedFile:
    absolute = Path(usage.abspath)
    files = tuple(_sequence(absolute) if usage.is_sequence else _single(absolute))
    return LinkedFile(
        path=str(usage.asset_path),
        absolute=absolute,
        kind=_KINDS.get(block.code, "other"),
        missing=not files,
        is_sequence=usage.is_sequence,
        linked_by=Path(block.bfile.filepath),
        files=files,
    )


def _single(path: Path) -> Iterable[Path]:
    try:
        return (path,) if path.exists() else ()
    except (OSError, ValueError):
        return ()  # a name no file system takes


def _sequence(path: Path) -> Iterable[Path]:
    pattern = _sequence_pattern(path.name)
    if pattern is None:
        return _single(path)
    try:
        return sorted(entry for entry in path.parent.iterdir() if pattern.fullmatch(entry.name))
    except (OSError, ValueError):
        return ()


def _sequence_pattern(name: str) -> re.Pattern[str] | None:
    """Matches the names of all files of a sequence, given one of them or a UDIM name."""
    run = _TILES.search(name) or _LAST_DIGITS.search(name)
    if run is None:
        return None
    return re.compile(re.escape(name[: run.start()]) + r"\d+" + re.escape(name[run.end() :]))
