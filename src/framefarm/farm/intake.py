"""Receiving a result's files: to disk, checked, durable; only then is the result stored (L5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from framefarm.core.errors import FrameFarmError
from framefarm.farm.catalog import MAIN_ROLES
from framefarm.protocol.manifest import ResultFile, ResultManifest
from framefarm.storage import BlobFolder, BlobMismatchError, IncomingBlob


class NotWhatWasAskedError(FrameFarmError):
    """A result's files are not what the job asked for."""

    code = "not_what_was_asked"


class Asked(msgspec.Struct, frozen=True):
    """What a stage's results must be: its kind and the settings of its task."""

    kind: str
    settings: dict[str, Any]


class Picture(msgspec.Struct, frozen=True):
    """A file that must decode to what was asked for.

    Attributes:
        role: What it is of its result.
        path: Where it is.
    """

    role: str
    path: str


def check_pictures(asked: Asked, pictures: Iterable[Picture]) -> None:
    """Decode pictures. What they hold comes from anybody, and may crash a decoder.

    Raises:
        NotWhatWasAskedError: One does not decode to what the job asked for.
    """
    for picture in pictures:
        _CHECKS[asked.kind, picture.role](Path(picture.path), asked.settings)


class IncomingResult:
    """The files of one result while they arrive, one after the other.

    Its methods touch the disk: call them outside the event loop. Use it as a context manager; what
    was not kept is removed.

    Args:
        blobs: Where the files go.
        asked: What the job asked for.
        manifest: What is coming.
    """

    def __init__(self, blobs: BlobFolder, asked: Asked, manifest: ResultManifest) -> None:
        self._blobs = blobs
        self._asked = asked
        self._manifest = manifest
        self._stack = ExitStack()
        self._received: list[tuple[ResultFile, IncomingBlob]] = []
        _check_roles(asked, manifest)

    def write(self, piece: memoryview) -> None:
        """Take the next bytes of the body.

        Raises:
            BlobMismatchError: More came than announced.
            StorageFullError: The disk is full.
        """
        self._open_next()
        while piece:
            if not self._received or not self._received[-1][1].missing_bytes:
                raise BlobMismatchError("More bytes came than the manifest announces.")
            blob = self._received[-1][1]
            part = piece[: blob.missing_bytes]
            blob.write(part)
            piece = piece[len(part) :]
            self._open_next()

    def _open_next(self) -> None:
        """Begin with the next file; one of no bytes is complete as soon as it is begun."""
        while not self._received or not self._received[-1][1].missing_bytes:
            if len(self._received) == len(self._manifest.files):
                return
            file = self._manifest.files[len(self._received)]
            blob = self._blobs.receive(file.sha256, file.size_bytes)
            self._received.append((file, self._stack.enter_context(blob)))

    def complete(self) -> None:
        """Make sure that all has come as it was announced.

        Raises:
            BlobMismatchError: Fewer bytes came than announced, or others.
        """
        self._open_next()
        if len(self._received) < len(self._manifest.files):
            raise BlobMismatchError("Fewer bytes came than the manifest announces.")
        for _, blob in self._received:
            blob.check()

    @property
    def pictures(self) -> list[Picture]:
        """What is to be decoded before it counts."""
        kind = self._asked.kind
        return [
            Picture(file.role, str(blob.path))
            for file, blob in self._received
            if (kind, file.role) in _CHECKS
        ]

    def keep(self) -> None:
        """Make everything durable; it must be complete, and its pictures checked.

        Raises:
            StorageFullError: The disk is full.
        """
        for file, blob in self._received:
            if not self._blobs.has(file.sha256):
                blob.keep()

    def __enter__(self) -> IncomingResult:  # noqa: PYI034  it is never subclassed
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _check_roles(asked: Asked, manifest: ResultManifest) -> None:
    """A result must have the file its stage exists for."""
    wanted = MAIN_ROLES.get(asked.kind)
    if wanted and not any(file.role == wanted for file in manifest.files):
        raise NotWhatWasAskedError(f"A result of stage {asked.kind} needs a file of role {wanted}.")


def _check_frame(path: Path, settings: Mapping[str, object]) -> None:
    # A manager with keepers never decodes, and loading decoders takes a tenth of a second.
    from framefarm.media.images import ExpectedImage, check_image  # noqa: PLC0415

    expected = ExpectedImage(
        file_format=str(settings["file_format"]),
        width=int(str(settings["expect_width"])),
        height=int(str(settings["expect_height"])),
    )
    check_image(path, expected)


def _check_trial(path: Path, _: Mapping[str, object]) -> None:
    from framefarm.media.images import ExpectedImage, check_image  # noqa: PLC0415

    check_image(path, ExpectedImage(file_format="PNG"))


_CHECKS: Mapping[tuple[str, str], Callable[[Path, Mapping[str, object]], object]] = {
    ("render", "image"): _check_frame,
    ("trial", "image"): _check_trial,
}
