"""Choosing the Blender of stages for which that was still open when they were stored."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from framefarm.core.versions import BlenderVersion, NoBlenderForFileError, choose_version
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.new_jobs import settle_blender

_OPEN = select(t.stages.c.id, t.stages.c.job_id, t.stages.c.wanted_blender).where(
    t.stages.c.wanted_blender != "", t.stages.c.blender == "", t.stages.c.pending > 0
)


def settle_open(
    connection: Connection, catalog: Catalog, available: Sequence[BlenderVersion]
) -> bool:
    """Choose where it can be chosen from these; returns whether it could anywhere."""
    settled = False
    for row in connection.execute(_OPEN).all():
        try:
            version = choose_version(BlenderVersion.parse(row.wanted_blender), available)
        except NoBlenderForFileError:
            continue
        settle_blender(connection, row.id, str(version))
        # At once: claims later in the same transaction must tell workers what was chosen.
        catalog.forget(row.job_id)
        settled = True
    return settled
