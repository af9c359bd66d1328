"""Deleting a job with everything the database knows of it."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.news import LostLease, News
from framefarm.farm.steering import NoSuchJobError


def delete_job(connection: Connection, catalog: Catalog, job_id: int) -> News:
    """Delete a job; what is being worked on is revoked, and late results of it are `gone`.

    Its files in the outputs folder stay. Its blobs stay until upkeep finds that nothing needs them.

    Raises:
        NoSuchJobError: There is no such job.
    """
    leases = connection.execute(
        select(t.leases.c.id, t.leases.c.worker_id)
        .join(t.stages, t.stages.c.id == t.leases.c.stage_id)
        .where(t.stages.c.job_id == job_id, t.leases.c.state == "active")
    ).all()
    # All else goes with it: `ON DELETE CASCADE`.
    if connection.execute(delete(t.jobs).where(t.jobs.c.id == job_id)).rowcount == 0:
        raise NoSuchJobError(job_id)
    catalog.forget(job_id)
    lost = [LostLease(row.id, row.worker_id, "the job was deleted") for row in leases]
    return News(jobs={job_id}, lost=lost)
