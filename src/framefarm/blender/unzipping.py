"""Unpacking a .zip that anybody may have made.

The standard library reads the directory at its end and unpacks. All that it believes is checked
here first: names, kinds, sizes and places of all files, before the first byte is written. Nothing
is made on the disk that is not a plain file in a plain folder below the given one.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from framefarm.core.errors import FrameFarmError
from framefarm.core.tree_paths import check_tree_paths
from framefarm.core.zip_names import decoded, place_of
from framefarm.protocol.trees import MAX_TREE_FILES

if TYPE_CHECKING:
    from pathlib import Path

_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_PIECE_BYTES = 1 << 20
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_UTF8 = 0x0800
_REPARSE_POINT = 0x0400
"""Of Windows: what its symbolic links and junctions are."""

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""How a file begins; of interest are the lengths of its name and of what follows that."""

# What `zipfile` raises on bytes that make no sense.
_FAULTS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    OverflowError,
)


class ZipError(FrameFarmError):
    """A .zip cannot be read, or holds what is not taken."""

    code = "bad_zip"


class ZipTooLargeError(ZipError):
    """A .zip holds too much, or packs it so tightly that it can only be meant to fill a disk."""

    code = "zip_too_large"


@dataclass(frozen=True, slots=True)
class ZipLimits:
    """How much a .zip may unpack to.

    Attributes:
        max_files: So many entries, folders included.
        max_file_bytes: One file, unpacked.
        max_total_bytes: All of them.
        max_ratio: A file may unpack to so many times its packed size, once past `ratio_from_bytes`.
            Deflate cannot do more than 1,032; a black EXR of no compression comes near that, and
            rarely has 256 MiB.
        ratio_from_bytes: Below this size the ratio does not matter.
        max_directory_bytes: The directory, which is read whole.
    """

    max_files: int = MAX_TREE_FILES
    max_file_bytes: int = 64 << 30
    max_total_bytes: int = 256 << 30
    max_ratio: int = 500
    ratio_from_bytes: int = 256 << 20
    max_directory_bytes: int = 16 << 20

    def allowed_bytes(self, packed_bytes: int) -> int:
        """The most that so many packed bytes may unpack to."""
        return max(self.ratio_from_bytes, packed_bytes * self.max_ratio)


DEFAULT_ZIP_LIMITS = ZipLimits()


@dataclass(frozen=True, slots=True)
class UnzippedFile:
    """A file that was unpacked.

    Attributes:
        place: Below the folder, with `/` between the parts.
        path: Where it lies now.
        sha256: Of its content.
        size_bytes: Of its content.
    """

    place: str
    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Entry:
    place: str
    info: zipfile.ZipInfo


def is_zip(path: Path) -> bool:
    """Whether a file begins as a .zip does.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return file.read(4) in _BEGINNINGS


def unzip(
    path: Path,
    folder: Path,
    *,
    limits: ZipLimits = DEFAULT_ZIP_LIMITS,
    make_room: Callable[[int], None] = lambda _: None,
) -> list[UnzippedFile]:
    """Unpack a .zip.

    Args:
        path: The .zip.
        folder: Where to; empty. What is in it after an error is the caller's to remove.
        limits: What it may unpack to.
        make_room: Told how many bytes will be written before the first is; may refuse.

    Returns:
        Its files, by their place. Folders, and what systems leave behind, are no files.

    Raises:
        ZipError: It is none, is damaged, or holds links, devices or secrets.
        ZipTooLargeError: It holds too much.
        TreePathError: A name leads elsewhere, is too long, or two are one to some system.
        OSError: The disk is full, or fails.
    """
    with path.open("rb") as file, _translated():
        bounded: IO[bytes] = _BoundedReads(file, path.stat().st_size, limits)  # type: ignore[assignment]
        with zipfile.ZipFile(bounded) as archive:
            entries = _entries(archive, limits)
            _check_places(file, archive, entries)
            make_room(sum(entry.info.file_size for entry in entries))
            return [_unpack(archive, entry, folder) for entry in entries]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FrameFarmError:
        raise
    except _FAULTS as error:
        raise ZipError(f"The .zip is damaged, or of an unknown kind: {error}.") from error


class _BoundedReads:
    """A file of which nobody reads more at once than a directory may have.

    `zipfile` reads as much as the .zip says that its directory has.
    """

    def __init__(self, file: IO[bytes], size_bytes: int, limits: ZipLimits) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._most = limits.max_directory_bytes
        self.seek = file.seek
        self.tell = file.tell
        self.seekable = file.seekable
        self.close = file.close

    def read(self, size: int = -1) -> bytes:
        left = self._size_bytes - self._file.tell()
        if (left if size < 0 else min(size, left)) > self._most:
            raise ZipTooLargeError(f"The directory of the .zip has more than {self._most:,} bytes.")
        return self._file.read(size)


def _entries(archive: zipfile.ZipFile, limits: ZipLimits) -> list[_Entry]:
    """The files to be unpacked, each one and all together checked."""
    infos = archive.infolist()
    if len(infos) > limits.max_files:
        raise ZipTooLargeError(
            f"The .zip has {len(infos):,} entries; at most {limits.max_files:,} are taken."
        )
    found = []
    for info in infos:
        name = decoded(info.orig_filename, says_utf8=bool(info.flag_bits & _UTF8))
        place = place_of(name)
        _check_kind(info, name)
        if place is None or (info.is_dir() and not info.file_size):
            continue
        _check_size(info, place, limits)
        found.append(_Entry(place, info))
    check_tree_paths(entry.place for entry in found)
    _check_total(found, limits)
    return sorted(found, key=lambda entry: entry.place)


def _check_kind(info: zipfile.ZipInfo, name: str) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise ZipError(f"{name!r} is encrypted; zip the files without a password.")
    if info.volume:
        raise ZipError(f"{name!r} is on another disk: the .zip is one of several parts.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK or info.external_attr & _REPARSE_POINT:
        raise ZipError(f"{name!r} is a link; zip the file that it leads to.")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise ZipError(f"{name!r} is no file but a device, a pipe or a socket.")
    if info.compress_type not in _METHODS:
        raise ZipError(
            f"{name!r} is packed by method {info.compress_type}; only Deflate, the usual one, and "
            "no compression at all are taken."
        )


def _check_size(info: zipfile.ZipInfo, place: str, limits: ZipLimits) -> None:
    if info.file_size > limits.max_file_bytes:
        raise ZipTooLargeError(
            f"{place!r} has {info.file_size:,} bytes; a file may have {limits.max_file_bytes:,}."
        )
    if info.file_size > limits.allowed_bytes(info.compress_size):
        raise ZipTooLargeError(
            f"{place!r} would unpack to {info.file_size:,} bytes, more than {limits.max_ratio} "
            "times its size; no picture or scene does that."
        )


def _check_total(found: list[_Entry], limits: ZipLimits) -> None:
    total = sum(entry.info.file_size for entry in found)
    packed = sum(entry.info.compress_size for entry in found)
    most = min(limits.max_total_bytes, limits.allowed_bytes(packed))
    if total > most:
        raise ZipTooLargeError(f"The .zip would unpack to {total:,} bytes; it may to {most:,}.")


def _check_places(file: IO[bytes], archive: zipfile.ZipFile, entries: list[_Entry]) -> None:
    """Make sure that no two files share bytes: so a .zip of a megabyte may hold petabytes."""
    end_before, before = 0, ""
    for entry in sorted(entries, key=lambda entry: entry.info.header_offset):
        info = entry.info
        if info.header_offset < end_before:
            raise ZipError(f"{entry.place!r} and {before!r} share bytes of the .zip.")
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER.size)
        begins, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        if begins != _BEGINNINGS[0]:
            raise ZipError(f"The .zip is damaged: {entry.place!r} is not where it should be.")
        data_at = info.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
        end_before, before = data_at + info.compress_size, entry.place
    if end_before > archive.start_dir:
        raise ZipError(f"{before!r} and the directory of the .zip share bytes.")


def _unpack(archive: zipfile.ZipFile, entry: _Entry, folder: Path) -> UnzippedFile:
    target = folder / entry.place
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), entry.info.file_size
    with archive.open(entry.info) as source, target.open("xb") as file:
        while piece := source.read(_PIECE_BYTES):
            left -= len(piece)
            digest.update(piece)
            file.write(piece)
    if left:
        raise ZipError(f"{entry.place!r} is cut off in the .zip.")
    return UnzippedFile(entry.place, target, digest.hexdigest(), entry.info.file_size)
