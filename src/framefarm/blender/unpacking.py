"""Opening a .blend for reading, unpacked, with a bound on what it may unpack to."""

from __future__ import annotations

import shutil
import tempfile
import zlib
from contextlib import closing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal

import zstandard

from framefarm.blender.errors import (
    BlendFileDamagedError,
    BlendFileTooLargeError,
    BlendFileTruncatedError,
    BlendFileUnreadableError,
    NotABlendFileError,
)

if TYPE_CHECKING:
    from pathlib import Path

Compression = Literal["none", "gzip", "zstd"]

_MAGIC = b"BLENDER"
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZIP_MAGIC = b"PK\x03\x04"
_CHUNK_BYTES = 1024 * 1024
_PACKED_CHUNK_BYTES = 256 * 1024
_MAX_MEMBERS = 1_000
_GZIP = 16 + zlib.MAX_WBITS
# Blender writes frames of 1 MiB; a window of gigabytes only serves to exhaust memory.
_MAX_ZSTD_WINDOW_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much a .blend may unpack to, and of how many parts.

    Attributes:
        max_unpacked_bytes: Never more than this.
        max_ratio: Nor more than this many times the packed size, once past `ratio_from_bytes`.
            Production files measure 2 to 10; the worst honest ones (images of one colour) 100.
        ratio_from_bytes: Below this size the ratio does not matter.
        max_blocks: Its data-blocks. Each takes 280 bytes of memory and 3 us, and 24 bytes of a
            file: 4 GiB of empty ones would be 50 GiB.
    """

    max_unpacked_bytes: int = 16 * 1024**3
    max_ratio: int = 500
    ratio_from_bytes: int = 256 * 1024**2
    max_blocks: int = 2_000_000

    def allowed_bytes(self, packed_bytes: int) -> int:
        """The most a file of this packed size may unpack to."""
        by_ratio = max(self.ratio_from_bytes, packed_bytes * self.max_ratio)
        return min(self.max_unpacked_bytes, by_ratio)


DEFAULT_LIMITS = ReadLimits()


@dataclass(frozen=True, slots=True)
class UnpackedFile:
    """A .blend open for reading.

    Attributes:
        stream: Seekable and unpacked, positioned at its start. The caller closes it.
        compression: How the file was packed.
        size_bytes: Unpacked size.
    """

    stream: IO[bytes]
    compression: Compression
    size_bytes: int


def open_unpacked(path: Path, limits: ReadLimits = DEFAULT_LIMITS) -> UnpackedFile:
    """Open a .blend, unpacking it to a temporary file when it is compressed.

    Args:
        path: The file.
        limits: What it may unpack to.

    Returns:
        The open file, which starts with Blender's magic bytes.

    Raises:
        BlendFileError: One of its kinds: unreadable, not a .blend, truncated, damaged, too large.
    """
    packed = _open(path)
    try:
        compression = _compression(path, packed.read(len(_MAGIC)))
        packed.seek(0)
        if compression == "none":
            size = packed.seek(0, 2)
            packed.seek(0)
            return UnpackedFile(packed, compression, size)
        unpacked = _unpack(path, packed, compression, limits)
    except BaseException:
        packed.close()
        raise
    packed.close()
    size = unpacked.tell()
    unpacked.seek(0)
    return UnpackedFile(unpacked, compression, size)


def _open(path: Path) -> IO[bytes]:
    try:
        if path.is_dir():
            raise BlendFileUnreadableError(path, "is a folder; give the .blend inside it")
        if path.exists() and not path.is_file():
            raise BlendFileUnreadableError(path, "is no ordinary file")
        stream = path.open("rb")
    except FileNotFoundError:
        raise BlendFileUnreadableError(path, "there is no such file") from None
    except PermissionError:
        raise BlendFileUnreadableError(path, "you may not read it; check permissions") from None
    except (OSError, ValueError) as error:
        raise BlendFileUnreadableError(path, f"cannot be opened: {_words(error)}") from error
    return stream


def _compression(path: Path, start: bytes) -> Compression:
    if not start:
        raise NotABlendFileError(path, "is empty")
    if start == _MAGIC:
        return "none"
    if start.startswith(_GZIP_MAGIC):
        return "gzip"
    if start.startswith(_ZSTD_MAGIC):
        return "zstd"
    if start.startswith(_ZIP_MAGIC):
        raise NotABlendFileError(path, "is a .zip; `framefarm submit` takes one, else unzip it")
    raise NotABlendFileError(path, "is not a .blend file (it does not start like one)")


def _unpack(
    path: Path, packed: IO[bytes], compression: Compression, limits: ReadLimits
) -> IO[bytes]:
    allowed = limits.allowed_bytes(path.stat().st_size)
    target = tempfile.TemporaryFile(prefix="framefarm-blend-")  # noqa: SIM115  the caller closes it
    try:
        with _reader(packed, compression) as reader:
            _copy(path, reader, target, allowed)
    except (EOFError, zlib.error, zstandard.ZstdError) as error:
        target.close()
        raise _bad_stream(path, compression, error) from error
    except OSError as error:
        target.close()
        where = f"{tempfile.gettempdir()} ({_free_text()} free)"
        raise BlendFileUnreadableError(
            path, f"cannot be unpacked to {where}: {_words(error)}"
        ) from error
    except BaseException:
        target.close()
        raise
    return target


def _reader(packed: IO[bytes], compression: Compression) -> IO[bytes]:
    if compression == "gzip":
        return closing(_Gunzipped(packed))  # type: ignore[return-value]
    unpacker = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW_BYTES)
    # Blender writes one frame per 1 MiB and a seek table; without this only the first is read.
    return unpacker.stream_reader(packed, read_across_frames=True, closefd=False)


class _Gunzipped:
    """A gzip file's content, a tenth quicker than by `gzip`, which unpacks 8 KiB at a time."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._member = zlib.decompressobj(_GZIP)
        self._held = b""
        self._members = 1

    def read(self, most: int) -> bytes:
        """Up to so many bytes; none at the end.

        Raises:
            EOFError: The file ends too early.
            zlib.error: It is damaged; its sums are checked.
        """
        while True:
            if self._member.eof and not self._next_member():
                return b""
            self._held = self._held or self._packed.read(_PACKED_CHUNK_BYTES)
            if not self._held:
                raise EOFError
            content = self._member.decompress(self._held, most)
            self._held = self._member.unconsumed_tail
            if content:
                return content

    def _next_member(self) -> bool:
        """Whether another part follows, as in files that were put together (RFC 1952, 2.2).

        Raises:
            zlib.error: There are more than anybody put together; each costs a copy of what is held.
        """
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise zlib.error("it has too many parts")
        rest = self._member.unused_data or self._packed.read(_PACKED_CHUNK_BYTES)
        self._held = rest.lstrip(b"\0")  # as tapes are filled up
        self._member = zlib.decompressobj(_GZIP)
        return bool(self._held)

    def close(self) -> None:
        """Nothing is held open here."""


def _copy(path: Path, reader: IO[bytes], target: IO[bytes], allowed: int) -> None:
    start = reader.read(len(_MAGIC))
    if start != _MAGIC:
        raise NotABlendFileError(path, "is a compressed file, but no .blend is in it")
    written = target.write(start)
    while chunk := reader.read(_CHUNK_BYTES):
        written += len(chunk)
        if written > allowed:
            raise BlendFileTooLargeError(
                path, f"unpacks to more than {allowed / 2**20:,.0f} MiB, which is not allowed"
            )
        target.write(chunk)


def _bad_stream(path: Path, compression: Compression, error: Exception) -> Exception:
    if isinstance(error, EOFError):
        return BlendFileTruncatedError(path, "is cut off: its compressed data ends too early")
    return BlendFileDamagedError(path, f"its {compression} data is damaged ({_words(error)})")


def _free_text() -> str:
    return f"{shutil.disk_usage(tempfile.gettempdir()).free / 2**30:.1f} GiB"


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
