"""Having a copy of a .blend find its files by relative paths."""

from __future__ import annotations

import shutil
from typing import IO, TYPE_CHECKING

from blender_asset_tracer.trace import asset_holding_blocks, blocks2assets

from framefarm.blender.blocks import PARSE_FAULTS, BoundedFile, translated
from framefarm.blender.unpacking import DEFAULT_LIMITS, ReadLimits, open_unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from blender_asset_tracer.trace.result import BlockUsage

_PLACE_BYTES = 1_023


def rewrite_links(
    path: Path,
    target: Path,
    place_of: Callable[[Path], str | None],
    limits: ReadLimits = DEFAULT_LIMITS,
) -> list[str]:
    """Copy a .blend, unpacked, with other paths to the files it links.

    Args:
        path: The file. What it says is relative to where it is.
        target: Where the copy goes.
        place_of: The new path to a linked file, `//...`, by where that is now; None leaves what the
            file says.
        limits: What a packed file may unpack to.

    Returns:
        Paths that were to change and could not: there is no room for them.

    Raises:
        BlendFileError: It cannot be read.
        OSError: The copy cannot be written.
    """
    unpacked = open_unpacked(path, limits)
    with unpacked.stream as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
    left: list[str] = []
    with target.open("r+b") as copy, translated(path):
        file = _CopiedFile(path, copy, unpacked.size_bytes, limits)
        for usage in _usages(file):
            place = place_of(usage.abspath)
            if place is not None and not _set(usage, place):
                left.append(str(usage.asset_path))
    return left


class _CopiedFile(BoundedFile):
    """A copy that can be written to, and whose paths are meant from where the original is."""

    def __init__(self, path: Path, copy: IO[bytes], size_bytes: int, limits: ReadLimits) -> None:
        self._copy = copy
        self._copied_bytes = size_bytes
        super().__init__(path, limits)

    def _open_file(self, path: Path, mode: str) -> IO[bytes]:
        del mode
        self.filepath = path
        self.raw_filepath = path
        self.is_compressed = False
        self.compression = "none"
        self._size_bytes = self._copied_bytes
        self._opened = self._copy
        return self._copy


def _usages(file: BoundedFile) -> Iterator[BlockUsage]:
    for block in asset_holding_blocks(file.blocks):
        try:
            yield from [usage for usage in blocks2assets.iter_assets(block) if usage.asset_path]
        except PARSE_FAULTS:
            continue  # as where links are traced: one unknown block must not hide all others


def _set(usage: BlockUsage, place: str) -> bool:
    field, value = usage.path_full_field, place
    if field is None:
        # The name stays: the sequencer keeps folder and name in blocks of their own.
        field, value = usage.path_dir_field, place.rpartition("/")[0] + "/"
    if field is None:
        return False
    raw = value.encode(errors="surrogateescape")
    room = field.name.array_size if field.name.array_size > 1 else _PLACE_BYTES + 1
    if len(raw) >= room:
        return False
    try:
        usage.block.set(field.name.name_only, raw)
    except PARSE_FAULTS:
        return False
    return True
