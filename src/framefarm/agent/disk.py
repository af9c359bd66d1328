"""Writing so that it is still there after the power failed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


ROOM_AGAIN = 1.25
"""Work begins again when so many times the reserve is free, lest it stops after each frame."""


def free_bytes(path: Path) -> int:
    """What is free on the disk that holds a path."""
    return shutil.disk_usage(path).free


def disk_is_low(free_bytes: int, reserve_bytes: int, *, was_low: bool) -> bool:
    """Whether results need all the room there is."""
    return free_bytes < reserve_bytes * (ROOM_AGAIN if was_low else 1.0)


def is_full(error: BaseException) -> bool:
    """Whether something failed because a disk, or a quota on it, is full."""
    first = error if isinstance(error, OSError) else error.__cause__
    return isinstance(first, OSError) and first.errno in (errno.ENOSPC, errno.EDQUOT)


def sync_file(path: Path) -> None:
    """Have a file's content on the disk when this returns."""
    # Windows flushes only what is open for writing.
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_dir(path: Path) -> None:
    """Have a directory's entries on the disk; systems that cannot open one do it by themselves."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Put a small file in place as a whole: afterwards it is the old one or the new one.

    Args:
        path: Where.
        content: All of it.
        mode: Its permissions from the very start, so that a secret is never readable for a moment.

    Raises:
        OSError: It could not be written; the old one is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_dir(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
