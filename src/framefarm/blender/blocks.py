"""A .blend's blocks, read with blender-asset-tracer but never trusting the file.

The tracer believes every length and pointer: a negative length or a ring of `next` pointers, which
any damaged file may hold, keeps it busy for ever. The subclass here bounds both.
"""

from __future__ import annotations

import logging
import os
import re
import struct
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from blender_asset_tracer.blendfile import BlendFile as TracerFile
from blender_asset_tracer.blendfile import BlendFileBlock
from blender_asset_tracer.blendfile.exceptions import BlendFileError as TracerError
from blender_asset_tracer.blendfile.exceptions import SegmentationFault

from framefarm.blender.errors import (
    BlenderError,
    BlendFileDamagedError,
    BlendFileTooLargeError,
    BlendFileTruncatedError,
    BlendFileUnreadableError,
)
from framefarm.blender.unpacking import DEFAULT_LIMITS, Compression, ReadLimits, open_unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# It warns and prints about what this package reports in its own words.
logging.getLogger("blender_asset_tracer").setLevel(logging.CRITICAL)

# What the tracer raises on bytes that make no sense; it checks nothing itself.
PARSE_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    SegmentationFault,
    TracerError,
    TypeError,
    ValueError,
    struct.error,
)

_NO_SENSE = (
    "is damaged, or was written by no Blender that is known here (2.80 to 5.0); open it in Blender "
    "and save it again"
)
_STEPS_PER_BLOCK = 50
_STEPS_AT_LEAST = 50_000
_NAME = re.compile(rb"[\w*()]+(?:\[\d{1,9}\])*")  # as in C: `*mat[4]`, `(*draw)()`


class BoundedFile(TracerFile):
    """The tracer's file with checked lengths, bounded pointer chasing and bounded unpacking.

    Attributes:
        compression: How the file was packed.
    """

    compression: Compression
    # Old files point at blocks that were never written; that is no reason to refuse them.
    strict_pointer_mode = False

    def __init__(self, path: Path, limits: ReadLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._steps_left = 0
        self._size_bytes = 0
        self._opened: IO[bytes] | None = None
        with translated(path):
            try:
                super().__init__(path)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Close the file; the tracer's own would also touch its cache of open files."""
        if self._opened is not None:
            self._opened.close()

    def dereference_pointer(self, address: int) -> BlendFileBlock | None:
        """The block at an address, None when it was not written.

        Raises:
            BlendFileDamagedError: So many pointers were followed that they must form a ring.
        """
        self._steps_left -= 1
        if self._steps_left < 0:
            raise BlendFileDamagedError(self.filepath, "is damaged: its pointers run in circles")
        return self.block_from_addr.get(address)

    def _open_file(self, path: Path, mode: str) -> IO[bytes]:
        del mode
        opened = open_unpacked(path, self._limits)
        self.filepath = path
        self.raw_filepath = path
        self.is_compressed = opened.compression != "none"
        self.compression = opened.compression
        self._size_bytes = opened.size_bytes
        self._opened = opened.stream
        return opened.stream

    def _load_blocks(self) -> None:
        for block in self._walk():
            if len(self.blocks) == self._limits.max_blocks:
                raise BlendFileTooLargeError(self.filepath, self._too_many())
            self.blocks.append(block)
            self.code_index[block.code].append(block)
            self.block_from_addr[block.addr_old] = block
        if not self.structs:
            raise BlendFileDamagedError(self.filepath, "is damaged: it does not describe its data")
        self._steps_left = max(_STEPS_AT_LEAST, _STEPS_PER_BLOCK * len(self.blocks))

    def _walk(self) -> Iterator[BlendFileBlock]:
        stream = self.fileobj
        at = int(stream.tell())  # kept here, since asking costs as much as reading
        while True:
            if self._size_bytes - at < self.block_header_struct.size:
                raise self._cut_off()  # the tracer would take it for the regular end
            block = BlendFileBlock(self)
            if block.code == b"ENDB":
                return
            if block.size < 0:
                raise BlendFileDamagedError(self.filepath, "is damaged: a block has no length")
            if block.size > self._size_bytes - block.file_offset:
                raise self._cut_off()
            if block.code == b"DNA1":
                self._check_catalog(block)
                self.decode_structs(block)
            elif block.code == b"GLOB":
                self.decode_glob(block)
            at = block.file_offset + block.size
            stream.seek(at, os.SEEK_SET)
            yield block

    def _check_catalog(self, block: BlendFileBlock) -> None:
        """Make sure the catalogue's counted names are there and well-formed.

        The tracer reads on past its end, and looks for ever for the end of `name[12`.

        Raises:
            ValueError: They are not.
        """
        catalog = self.fileobj.read(block.size)
        self.fileobj.seek(block.file_offset, os.SEEK_SET)
        offset = 8  # SDNA and NAME
        for _ in ("names", "types"):
            (count,) = self.header.endian.UINT.unpack_from(catalog, offset)
            offset += 4
            for _ in range(count):
                end = catalog.index(0, offset)
                if not _NAME.fullmatch(catalog, offset, end):
                    raise ValueError("its description of itself has a bad name")
                offset = end + 1
            offset = (offset + 3 & ~3) + 4

    def _too_many(self) -> str:
        return f"has more than {self._limits.max_blocks:,} data-blocks, which is not allowed"

    def _cut_off(self) -> BlendFileTruncatedError:
        return BlendFileTruncatedError(
            self.filepath, "is cut off: its end is missing; copy or save it again"
        )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn whatever the tracer raises into this package's errors, once, at the edge.

    Raises:
        BlendFileDamagedError: The tracer could not make sense of the file.
        BlendFileUnreadableError: The disk failed while reading.
    """
    try:
        yield
    except BlenderError:
        raise
    except OSError as error:
        raise BlendFileUnreadableError(path, f"cannot be read: {error.strerror}") from error
    except PARSE_FAULTS as error:
        # Their words are for programmers, and name places that the file's owner does not know.
        raise BlendFileDamagedError(path, _NO_SENSE) from error


def id_name(block: BlendFileBlock) -> str:
    """Name of a data-block without its two-letter code: `Camera` for `OBCamera`.

    Works for placeholders of linked data-blocks too, whose struct is the bare `ID`.
    """
    raw = block.get((b"id", b"name"), default=None) if block.has_field(b"id") else block[b"name"]
    return text(raw)[2:]


def text(raw: bytes | None) -> str:
    """A fixed-size C string of a .blend: UTF-8, with strays replaced."""
    return (raw or b"").split(b"\0", 1)[0].decode("utf-8", errors="replace")
