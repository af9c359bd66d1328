"""Blobs in a folder: each file kept once, named by the SHA-256 of its content.

A blob is either there whole or not at all: it is written to `incoming/`, synced, renamed into
place, and its folder synced, before anyone hears of it (L5).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from framefarm.core.errors import FrameFarmError

_HASH = re.compile(r"[0-9a-f]{64}")


class StorageError(FrameFarmError):
    """The folder could not be read or written."""

    code = "storage"


class StorageFullError(StorageError):
    """The disk has no room, or would fall below its low-water mark (L14)."""

    retryable = True
    code = "disk_full"


class BlobMissingError(StorageError):
    """No blob has that hash."""

    code = "no_such_blob"


class BlobMismatchError(StorageError):
    """The bytes that came are not those that were announced."""

    code = "hash_differs"


class BlobTooLargeError(StorageError):
    """A file is larger than may be taken."""

    code = "too_large"

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"A file may have at most {most_bytes:,} bytes.")


class _Incoming:
    """A file being received. Use as a context manager: what is not kept is removed."""

    def __init__(self, folder: BlobFolder) -> None:
        self.path = folder.incoming / secrets.token_hex(16)
        self._folder = folder
        self._digest = hashlib.sha256()
        self._received = 0
        with translated(self.path):
            self._file: BinaryIO = self.path.open("xb", buffering=0)

    def _write(self, piece: bytes | memoryview) -> None:
        self._digest.update(piece)
        self._received += len(piece)
        with translated(self.path):
            while piece:
                piece = memoryview(piece)[self._file.write(piece) :]

    def _keep(self, sha256: str) -> None:
        target = self._folder.path_of(sha256)
        with translated(target):
            os.fsync(self._file.fileno())
            self._file.close()
            try:
                self.path.rename(target)
            except FileNotFoundError:
                target.parent.mkdir(exist_ok=True)
                sync_folder(target.parent.parent)
                self.path.rename(target)
            sync_folder(target.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.drop()

    def drop(self) -> None:
        """Remove what came, unless it was kept."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class IncomingBlob(_Incoming):
    """A blob being received whose hash and size were announced.

    Args:
        folder: The blob folder.
        sha256: The announced hash.
        size_bytes: The announced size.
    """

    def __init__(self, folder: BlobFolder, sha256: str, size_bytes: int) -> None:
        super().__init__(folder)
        self.sha256 = sha256
        self.size_bytes = size_bytes

    @property
    def missing_bytes(self) -> int:
        """How many bytes are still to come."""
        return self.size_bytes - self._received

    def write(self, piece: bytes | memoryview) -> None:
        """Add bytes.

        Raises:
            BlobMismatchError: More came than announced.
            StorageFullError: The disk is full.
        """
        if len(piece) > self.missing_bytes:
            raise BlobMismatchError(f"More than the announced {self.size_bytes:,} bytes came.")
        self._write(piece)

    def check(self) -> None:
        """Compare what came with what was announced.

        Raises:
            BlobMismatchError: Size or hash differ.
        """
        if self.missing_bytes:
            raise BlobMismatchError(
                f"{self._received:,} bytes came of the announced {self.size_bytes:,}."
            )
        if self._digest.hexdigest() != self.sha256:
            raise BlobMismatchError("The bytes that came do not have the announced SHA-256.")

    def keep(self) -> None:
        """Make the blob durable and visible; it must have been checked.

        Raises:
            StorageFullError: The disk is full.
        """
        self._keep(self.sha256)


class UnannouncedBlob(_Incoming):
    """A file being received of which nothing is known before its end.

    Args:
        folder: The blob folder.
        most_bytes: The most that is taken.
    """

    def __init__(self, folder: BlobFolder, most_bytes: int) -> None:
        super().__init__(folder)
        self._most_bytes = most_bytes
        self._room_to = 0

    def write(self, piece: bytes | memoryview) -> None:
        """Add bytes.

        Raises:
            BlobTooLargeError: More came than is taken.
            StorageFullError: The disk is full, or would fall below its low-water mark (L14).
        """
        if self._received + len(piece) > self._most_bytes:
            raise BlobTooLargeError(self._most_bytes)
        if self._received + len(piece) > self._room_to:
            self._folder.make_sure_of_room(_ROOM_BYTES)
            self._room_to = self._received + _ROOM_BYTES
        self._write(piece)

    @property
    def sha256(self) -> str:
        """Of what came so far."""
        return self._digest.hexdigest()

    def keep(self) -> str:
        """Make the blob durable and visible; returns its SHA-256.

        Raises:
            StorageFullError: The disk is full.
        """
        sha256 = self._digest.hexdigest()
        self._keep(sha256)
        return sha256


_ROOM_BYTES = 64 << 20
"""How often the disk is asked for its room while a file of unknown size comes."""


class BlobFolder:
    """A folder of blobs.

    Args:
        root: The folder; made when it is not there.
        low_water_bytes: Free space below which nothing more is taken (L14).

    Raises:
        StorageError: The folder cannot be made.
    """

    def __init__(self, root: Path, *, low_water_bytes: int = 1 << 30) -> None:
        self.root = root
        self.incoming = root / "incoming"
        self.workplaces = root / "workplaces"
        self._low_water_bytes = low_water_bytes
        with translated(root):
            self.incoming.mkdir(parents=True, exist_ok=True)

    def remove_leftovers(self) -> None:
        """Remove what a killed process had begun to receive. Only while nothing is received."""
        for leftover in self.incoming.iterdir():
            leftover.unlink(missing_ok=True)
        shutil.rmtree(self.workplaces, ignore_errors=True)

    def receive(self, sha256: str, size_bytes: int) -> IncomingBlob:
        """Begin to receive a blob.

        Raises:
            StorageFullError: It would leave less free space than the low-water mark.
        """
        self.path_of(sha256)
        self.make_sure_of_room(size_bytes)
        return IncomingBlob(self, sha256, size_bytes)

    def receive_unannounced(self, most_bytes: int) -> UnannouncedBlob:
        """Begin to receive a file whose hash and size are not known yet."""
        return UnannouncedBlob(self, most_bytes)

    def write_aside(self, content: bytes) -> Path:
        """Write a small file where nobody looks, with its content on the disk; to be renamed.

        Raises:
            StorageFullError: The disk is full.
        """
        path = self.incoming / secrets.token_hex(16)
        with translated(path), path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return path

    def put_durably(self, target: Path, content: bytes) -> None:
        """Put a small file beside the blobs as a whole; it survives a power cut.

        Raises:
            StorageFullError: The disk is full.
        """
        aside = self.write_aside(content)
        with translated(target):
            aside.rename(target)
            sync_folder(target.parent)

    def make_sure_of_room(self, size_bytes: int) -> None:
        """Find out whether a file of this size may come.

        Raises:
            StorageFullError: It would leave less free space than the low-water mark.
        """
        with translated(self.root):
            free = shutil.disk_usage(self.root).free
        if free - size_bytes < self._low_water_bytes:
            raise StorageFullError(
                f"{self.root} has {free / 1e9:.1f} GB free and keeps "
                f"{self._low_water_bytes / 1e9:.1f} GB in reserve; make room there."
            )

    def has(self, sha256: str) -> bool:
        """Whether the blob is there."""
        return self.path_of(sha256).exists()

    def path_of(self, sha256: str) -> Path:
        """Where the blob is or would be.

        Raises:
            BlobMissingError: That is no SHA-256, so no blob can have it.
        """
        if not _HASH.fullmatch(sha256):
            raise BlobMissingError("That is not a SHA-256 in lower-case hexadecimal.")
        return self.root / sha256[:2] / sha256

    def existing(self, sha256: str) -> Path:
        """Where the blob is.

        Raises:
            BlobMissingError: It is not there.
        """
        path = self.path_of(sha256)
        if not path.exists():
            raise BlobMissingError(f"The farm has no file with the hash {sha256}.")
        return path

    def verify(self, sha256: str) -> None:
        """Read a blob and compare it with its name.

        Raises:
            BlobMissingError: It is not there.
            BlobMismatchError: Its bytes were changed.
            StorageError: It cannot be read.
        """
        path = self.existing(sha256)
        with translated(path), path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise BlobMismatchError(f"The bytes of {path} do not have its SHA-256 any more.")

    def touch(self, sha256: str) -> None:
        """Say that somebody relies on a blob: it will not be collected for a while.

        Raises:
            BlobMissingError: It is not there.
        """
        try:
            os.utime(self.path_of(sha256))
        except FileNotFoundError:
            raise BlobMissingError(f"The farm has no file with the hash {sha256}.") from None

    def untouched_since(self, at: float) -> Iterator[str]:
        """The hashes of blobs that were neither stored nor touched since (seconds since 1970)."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            with os.scandir(folder) as entries:
                for entry in entries:
                    if _HASH.fullmatch(entry.name) and entry.stat().st_mtime < at:
                        yield entry.name

    def remove(self, sha256: str, *, untouched_since: float = float("inf")) -> bool:
        """Forget a blob, unless it was stored or touched since; returns whether it did.

        It is moved aside before its time is looked at, so that nobody can touch it in between and
        rely on what is gone a moment later: a touch either comes before, and is seen, or fails.
        """
        path, aside = self.path_of(sha256), self.incoming / secrets.token_hex(16)
        try:
            path.rename(aside)
        except FileNotFoundError:
            return False
        if aside.stat().st_mtime >= untouched_since:
            aside.rename(path)
            return False
        aside.unlink()
        return True


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn errors of the system into ours."""
    try:
        yield
    except OSError as error:
        kind = StorageFullError if error.errno in {errno.ENOSPC, errno.EDQUOT} else StorageError
        raise kind(f"{path} could not be used: {error.strerror}.") from error


def sync_folder(folder: Path) -> None:
    """Have a folder's entries on the disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
