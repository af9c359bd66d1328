"""A job's files as one .zip, made while it is sent: no temporary copy, no memory for it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_PIECE = 1 << 20
_READABLE = 0o644 << 16


class _Sink:
    """What zipfile writes to. It cannot seek, so sizes follow the files' bytes."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, piece: bytes) -> int:
        """Take bytes."""
        self._held += piece
        return len(piece)

    def flush(self) -> None:
        """Nothing waits here."""

    def taken(self) -> bytes:
        """What came since the last time."""
        taken, self._held = bytes(self._held), bytearray()
        return taken


def zipped(files: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
    """The bytes of an archive of files, in pieces of about a mebibyte.

    Pictures and movies are compressed already, so they are stored as they are. An archive may be
    larger than 4 GiB (zip64).

    Args:
        files: Name in the archive, and where the bytes are; read as the archive goes on.

    Raises:
        OSError: A file cannot be read; what was sent before is no whole archive.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", strict_timestamps=False) as archive:  # type: ignore[call-overload]  # any object that writes will do
        for name, path in files:
            entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            entry.external_attr = _READABLE
            with path.open("rb") as source, archive.open(entry, "w") as target:
                while piece := source.read(_PIECE):
                    target.write(piece)
                    yield sink.taken()
    yield sink.taken()
