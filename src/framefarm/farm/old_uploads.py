"""Sizes of uploads from before they were counted, which only the files themselves can tell.

Migration 5 counted them as nothing, since a migration sees no files. They are counted at a start.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, tuple_, update

from framefarm.db import tables as t
from framefarm.farm.usage import count_uploads
from framefarm.storage import BlobFolder, BlobMissingError

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_AT_A_TIME = 500
_EMPTY = hashlib.sha256(b"").hexdigest()


async def count_old_uploads(farm: Farm) -> None:
    """Count all of them, a few in each write; nothing is written where there are none."""
    await farm.writer.write_in_turns(OldUploads(farm.blobs).count_some)


class OldUploads:
    """Counts uploads of no known size for those whose they are.

    Args:
        blobs: Where their bytes are.
    """

    def __init__(self, blobs: BlobFolder) -> None:
        self._blobs = blobs
        self._after = (0, "")

    def count_some(self, connection: Connection, most: int = _AT_A_TIME) -> bool:
        """Count the next ones; what has no file any more stays without a size.

        Returns:
            Whether there may be more.
        """
        of = t.blob_owners.c
        unknown = select(of.user_id, of.sha256).where(
            of.size_bytes == 0,
            of.sha256 != _EMPTY,
            tuple_(of.user_id, of.sha256) > self._after,
        )
        rows = connection.execute(unknown.order_by(of.user_id, of.sha256).limit(most)).all()
        for row in rows:
            self._count(connection, row)
            self._after = (row.user_id, row.sha256)
        return len(rows) == most

    def _count(self, connection: Connection, row: Any) -> None:
        try:
            size_bytes = self._blobs.existing(row.sha256).stat().st_size
        except (BlobMissingError, FileNotFoundError):
            return
        of = t.blob_owners.c
        known = update(t.blob_owners).where(
            of.user_id == row.user_id, of.sha256 == row.sha256, of.size_bytes == 0
        )
        if connection.execute(known.values(size_bytes=size_bytes)).rowcount:
            count_uploads(connection, row.user_id, size_bytes)
