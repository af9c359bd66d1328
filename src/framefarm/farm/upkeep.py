"""Keeping the database no larger than it needs to be."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from framefarm.core.states import JobState
from framefarm.db import tables as t


def forget_ended_leases(connection: Connection) -> int:
    """Delete leases that ended unfinished, of jobs that can take no late success any more (L4).

    A cancelled job can: it may be put back to work. Its leases also tell which attempts there were.

    Returns:
        How many there were.
    """
    over = (
        select(t.stages.c.id)
        .join(t.jobs, t.jobs.c.id == t.stages.c.job_id)
        .where(t.jobs.c.state == JobState.DONE)
    )
    gone = connection.execute(
        delete(t.leases).where(t.leases.c.state == "ended", t.leases.c.stage_id.in_(over))
    )
    return gone.rowcount
