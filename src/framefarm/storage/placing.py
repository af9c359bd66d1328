"""Making a blob appear as an ordinary file somewhere else."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path

# Linux ioctl: a file shares another's blocks until either changes (include/uapi/linux/fs.h).
_FICLONE = 0x40049409
_READ_ONLY = 0o444


def place(blob: Path, target: Path, *, read_only: bool = False) -> None:
    """Put a blob's content at `target`, replacing what is there, never leaving half a file.

    Takes no room where the disk can share it: a reflink first, then a hard link, then a copy.

    Args:
        blob: The file.
        target: Where it is to appear.
        read_only: Whether a hard link is closed to writing. Whoever wrote into it would change the
            blob; programs that save by replacing the file may do so all the same.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        if target.samefile(blob):
            return
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}")
    try:
        if not _clone(blob, temporary):
            _link_or_copy(blob, temporary, read_only=read_only)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


# Disks (st_dev) that cannot clone. Trying again for every file would make and delete an inode each
# time, and ext4 then searches ever longer for one that was not deleted lately (`recently_deleted`
# in fs/ext4/ialloc.c): 0.9 ms a file at 450 files a second, against 0.1 ms.
_cannot_clone: set[int] = set()


def _clone(blob: Path, target: Path) -> bool:
    try:
        import fcntl  # noqa: PLC0415  Windows has none
    except ImportError:
        return False
    disk = target.parent.stat().st_dev
    if disk in _cannot_clone:
        return False
    with blob.open("rb") as source, target.open("xb") as copy:
        try:
            fcntl.ioctl(copy.fileno(), _FICLONE, source.fileno())
        except OSError:
            target.unlink()
            _cannot_clone.add(disk)
            return False
    return True


def _link_or_copy(blob: Path, target: Path, *, read_only: bool) -> None:
    try:
        os.link(blob, target)
    except OSError:
        shutil.copyfile(blob, target)
        return
    if read_only:
        target.chmod(_READ_ONLY)
