"""The manager's blobs, in memory."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from framefarm.farm import intake
from framefarm.storage import BlobMismatchError, StorageFullError


class Blobs:
    """The manager's blobs, in memory; they survive it."""

    def __init__(self) -> None:
        self.full = False
        self._there: dict[str, bytes] = {}

    def receive(self, sha256: str, size_bytes: int) -> IncomingBlob:
        if self.full:
            raise StorageFullError("The manager's disk is full.")
        return IncomingBlob(self, sha256, size_bytes)

    def has(self, sha256: str) -> bool:
        return sha256 in self._there

    def keep(self, sha256: str, content: bytes) -> None:
        self._there[sha256] = content

    def content(self, sha256: str) -> bytes | None:
        """What is kept under a hash."""
        return self._there.get(sha256)

    def untouched_since(self, _: float) -> Iterator[str]:
        """None is old enough to be removed."""
        return iter(())

    def remove_leftovers(self) -> None:
        """Nothing is left over."""


class IncomingBlob:
    """A blob on its way in; checked as the real one is."""

    def __init__(self, blobs: Blobs, sha256: str, size_bytes: int) -> None:
        self.path = Path(sha256)
        self._blobs = blobs
        self._sha256 = sha256
        self._size_bytes = size_bytes
        self._bytes = b""

    @property
    def missing_bytes(self) -> int:
        return self._size_bytes - len(self._bytes)

    def write(self, piece: bytes | memoryview) -> None:
        self._bytes += bytes(piece)

    def check(self) -> None:
        if self.missing_bytes or hashlib.sha256(self._bytes).hexdigest() != self._sha256:
            raise BlobMismatchError("The bytes that came are not those that were announced.")

    def keep(self) -> None:
        self._blobs.keep(self._sha256, self._bytes)

    def __enter__(self) -> IncomingBlob:  # noqa: PYI034
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left of what was not kept."""


@contextlib.contextmanager
def any_picture() -> Iterator[None]:
    """Inside, what simulated workers send passes for pictures; hash and size are still checked."""
    with mock.patch.object(intake, "_CHECKS", {}):
        yield
