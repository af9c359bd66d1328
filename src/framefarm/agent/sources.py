"""Using a file where it lies, when it is the very file that was submitted.

On the submitting machine the .blend is there already, and only from its own place do its relative
links resolve. The path comes from the manager, so nothing is done with it but comparing its hash.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path

from framefarm.agent.outbox import hash_file

_REMEMBERED = 256

Fingerprint = tuple[str, int, int, int]
"""Path, modification time in nanoseconds, size, inode: a file that keeps them keeps its content."""


class SourceFiles:
    """Files in their own place, known by hash."""

    def __init__(self) -> None:
        self._hashes: OrderedDict[Fingerprint, str] = OrderedDict()

    async def find(self, path: str, sha256: str, size_bytes: int) -> Path | None:
        """The file at this path, when it has this content; else None.

        Args:
            path: As the submitter wrote it; must be absolute.
            sha256: Of the content.
            size_bytes: Of the content; a different size saves reading the file.
        """
        candidate = Path(path)
        if not path or not candidate.is_absolute():
            return None
        print_ = fingerprint(candidate)
        if print_ is None or print_[2] != size_bytes:
            return None
        found = self._hashes.get(print_) or await self._read(candidate, print_)
        return candidate if found == sha256 else None

    async def _read(self, path: Path, print_: Fingerprint) -> str | None:
        try:
            found, _ = await asyncio.to_thread(hash_file, path)
        except OSError:
            return None
        # Written to while it was read: the hash belongs to no state of the file.
        if fingerprint(path) != print_:
            return None
        self._hashes[print_] = found
        while len(self._hashes) > _REMEMBERED:
            self._hashes.popitem(last=False)
        return found


def fingerprint(path: Path) -> Fingerprint | None:
    """What tells one state of a regular file from another; None when there is none."""
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return None
    if not path.is_file():
        return None
    return str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino
