"""A note of the last complete render: asked for again, it needs neither farm nor Blender."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from framefarm.client.views import FileView, JobView

_NAME = "complete.json"
MAX_FILES = 200_000
"""Beyond that reading the note takes as long as asking the manager."""


class Record(msgspec.Struct, frozen=True):
    """A render all of whose files were delivered.

    Attributes:
        fingerprint: What was rendered.
        job: As it ended.
        files: Each output's name and size.
        movie: The movie among them.
    """

    fingerprint: str
    job: JobView
    files: list[tuple[str, int]]
    movie: FileView | None = None

    def is_whole(self, folder: Path) -> bool:
        """Whether all files are still there, by name and size."""
        return all(_size(folder / name) == size for name, size in self.files)


def read_record(private: Path) -> Record | None:
    """The note in a render's own folder; None when there is none, or none that can be read."""
    try:
        return msgspec.json.decode((private / _NAME).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def write_record(private: Path, record: Record) -> None:
    """Keep a note; without one the next run only takes longer, so failing to is no error."""
    if len(record.files) > MAX_FILES:
        return
    temporary = private / f"{_NAME}.new"
    with contextlib.suppress(OSError):
        temporary.write_bytes(msgspec.json.encode(record))
        temporary.replace(private / _NAME)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
