"""Copying a farm to another place while its manager works.

The database is copied as it was at one moment, then the blobs. A result counts only when its blobs
are there (L5), so a copy made in this order lacks none that its database names.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from framefarm.client import local_manager
from framefarm.core.errors import FrameFarmError

DATABASE = "farm.db"
_LEFT_OUT = frozenset(
    # The last one says where the manager answers that runs now.
    {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", "manager.lock", local_manager.FILE_NAME}
)
_OWN_FOLDERS = frozenset({"blobs", "outputs"})
# Without `trees` in one that an older version wrote: people back up before they upgrade.
_NAMED_BLOBS = {
    "files": "SELECT sha256 FROM files",
    "stages": "SELECT blend_sha256 FROM stages WHERE blend_sha256 != ''",
    "trees": "SELECT sha256 FROM trees",
}


class BackupError(FrameFarmError):
    """The copy could not be made, or lacks something."""

    code = "backup"


@dataclass(frozen=True)
class Backup:
    """What was copied.

    Attributes:
        blobs: Files that the farm keeps.
        copied: Those that were not in the copy already.
        copied_bytes: How large those are.
    """

    blobs: int
    copied: int
    copied_bytes: int


def back_up(data_dir: Path, target: Path) -> Backup:
    """Copy a manager's data; the manager may run.

    Blobs never change, so what an earlier copy in the same place has is not copied again. The copy
    of the database appears last: a backup that was broken off leaves the one before it whole.

    Args:
        data_dir: The manager's.
        target: A folder that is empty, new, or an earlier backup of the same farm.

    Raises:
        BackupError: There is no farm, the copy would be in the farm itself, or the disk is full.
    """
    if not (data_dir / DATABASE).is_file():
        raise BackupError(f"There is no farm in {data_dir}. Name the manager's folder with --data.")
    if target.resolve().is_relative_to(data_dir.resolve()):
        raise BackupError(f"{target} is inside the farm itself. Choose a folder outside of it.")
    with _told(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        # Keys are copied into it, so nobody else may look, from the start.
        target.mkdir(mode=0o700, exist_ok=True)
        snapshot = _copy_database(data_dir / DATABASE, target)
        done = _copy_blobs(data_dir / "blobs", target / "blobs")
        _check(snapshot, target / "blobs")
        _copy_the_rest(data_dir, target)
        snapshot.replace(target / DATABASE)
        _sync(target)
    return done


@contextlib.contextmanager
def _told(target: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error, shutil.Error) as error:
        raise BackupError(f"The backup in {target} could not be made: {error}") from error


def _copy_database(database: Path, target: Path) -> Path:
    """The database as it is now, all of it, without keeping anyone from writing."""
    copy = target / f"{DATABASE}.part"
    copy.unlink(missing_ok=True)
    with (
        contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(copy)) as destination,
    ):
        source.backup(destination)
        # A copy has no log beside it: one file is all there is to bring back.
        destination.execute("PRAGMA journal_mode=DELETE")
    _sync(copy)
    return copy


def _copy_blobs(blobs: Path, target: Path) -> Backup:
    known = copied = copied_bytes = 0
    for folder in sorted(path for path in blobs.glob("??") if path.is_dir()):
        (target / folder.name).mkdir(parents=True, exist_ok=True)
        for blob in folder.iterdir():
            known += 1
            size_bytes = _copy_blob(blob, target / folder.name / blob.name)
            copied += size_bytes is not None
            copied_bytes += size_bytes or 0
        _sync(target / folder.name)
    return Backup(known, copied, copied_bytes)


def _copy_blob(blob: Path, copy: Path) -> int | None:
    """Copy one; None when it was there, or was deleted meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        size_bytes = blob.stat().st_size
        if copy.exists() and copy.stat().st_size == size_bytes:
            return None
        part = copy.with_suffix(".part")
        shutil.copyfile(blob, part)
        _sync(part)
        part.replace(copy)
        return size_bytes
    return None


def _named_blobs(database: sqlite3.Connection) -> list[str]:
    """SHA-256 of all files that a database names."""
    there = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    asked = " UNION ".join(query for table, query in _NAMED_BLOBS.items() if table in there)
    return [str(sha256) for (sha256,) in database.execute(asked)]


def _check(snapshot: Path, blobs: Path) -> None:
    with contextlib.closing(sqlite3.connect(snapshot)) as database:
        named = _named_blobs(database)
    missing = [one for one in named if not (blobs / one[:2] / one).is_file()]
    if missing:
        raise BackupError(
            f"{len(missing)} files that the database names are not there, {missing[0]} for one. "
            "If a job was deleted a moment ago, run the backup again."
        )


def _copy_the_rest(data_dir: Path, target: Path) -> None:
    """Keys and certificates: whatever else lies in the folder, with its permissions."""
    for path in data_dir.iterdir():
        if path.is_file() and path.name not in _LEFT_OUT and not path.name.endswith(".log"):
            shutil.copy2(path, target / path.name)
        elif path.is_dir() and path.name not in _OWN_FOLDERS:
            shutil.copytree(path, target / path.name, dirs_exist_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
