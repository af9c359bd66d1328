"""Where units work: one folder each, gone when the unit is."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
from typing import TYPE_CHECKING

from framefarm.protocol.limits import MAX_INTERRUPTED

if TYPE_CHECKING:
    from pathlib import Path

    from framefarm.agent.work import UnitWork


_NAME = re.compile(r".+-(\d{1,15})-(-?\d{1,10})-[0-9a-f]{12}")


class WorkDirs:
    """The folders of all units in work."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def clear(self) -> None:
        """Delete what an earlier process left. Blocks on the disk."""
        self.delete()
        self._root.mkdir(parents=True, exist_ok=True)

    def delete(self) -> None:
        """Delete them all, and make none: their place may be gone already. Blocks on the disk."""
        shutil.rmtree(self._root, ignore_errors=True)

    def units(self) -> tuple[tuple[int, int], ...]:
        """Stage and unit of the folders there: what a process that died was at. Blocks."""
        names = sorted(path.name for path in self._root.iterdir()) if self._root.is_dir() else []
        found = (_NAME.fullmatch(name) for name in names)
        units = {(int(match[1]), int(match[2])): None for match in found if match}
        return tuple(units)[:MAX_INTERRUPTED]

    def of(self, work: UnitWork) -> Path:
        """Where a unit works. The lease's id comes from outside, so it is hashed."""
        lease = hashlib.blake2s(work.lease.encode(), digest_size=6).hexdigest()
        # Windows takes no colon in names, which slots have.
        slot = work.slot.replace(":", "_")
        return self._root / f"{slot}-{work.stage}-{work.unit}-{lease}"

    async def create(self, work: UnitWork) -> Path:
        """Make a unit's folder, empty.

        Raises:
            OSError: The disk is full or failed.
        """
        path = self.of(work)
        try:
            path.mkdir()
        except FileExistsError:
            # An aborted attempt under the same lease whose folder is still being deleted.
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
            path.mkdir(exist_ok=True)
        return path

    def remove(self, work: UnitWork) -> None:
        """Delete a unit's folder. Blocks on the disk; not there is fine."""
        shutil.rmtree(self.of(work), ignore_errors=True)
