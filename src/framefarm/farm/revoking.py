"""Revoking a worker: from one moment on its key counts no more, and its work is others'."""

from __future__ import annotations

from sqlalchemy import Connection, update

from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.news import News
from framefarm.farm.requeue import free_worker


def revoke(connection: Connection, catalog: Catalog, worker_id: str) -> News | None:
    """Take a worker's key away and free its leases at once (L8).

    Returns:
        What became of its leases; None when it was revoked before.
    """
    revoked = connection.execute(
        update(t.workers)
        .where(t.workers.c.id == worker_id, t.workers.c.revoked_at.is_(None))
        .values(revoked_at=database_now(connection), reason="it was revoked")
    )
    if revoked.rowcount == 0:
        return None
    # Nobody's fault, so no loss is counted against the units.
    return free_worker(connection, catalog, worker_id, reason="its worker was revoked", lost=False)
