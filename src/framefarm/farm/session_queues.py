"""The queues of a job's stages: for its session's workers alone, or for anybody (ADR 14)."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select, update

from framefarm.core.requirements import requirements_of
from framefarm.db import tables as t
from framefarm.farm.settling import refresh_claimable


def reserve(connection: Connection, job_id: int, *, for_session: bool) -> None:
    """Put a job's stages into queues of its session's workers, or into those for anybody."""
    job = job_id if for_session else 0
    rows = connection.execute(
        select(t.stages.c.id, t.stages.c.queue).where(t.stages.c.job_id == job_id)
    ).all()
    for row in rows:
        asked = msgspec.structs.replace(requirements_of(row.queue), job=job)
        stage = update(t.stages).where(t.stages.c.id == row.id, t.stages.c.queue == row.queue)
        connection.execute(stage.values(queue=asked.queue))
    refresh_claimable(connection, [row.id for row in rows])


def refresh(connection: Connection, job_id: int) -> None:
    """Say anew which stages of a job can be claimed."""
    stages = select(t.stages.c.id).where(t.stages.c.job_id == job_id)
    refresh_claimable(connection, connection.execute(stages).scalars().all())
