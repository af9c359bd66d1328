"""Deleting a job: it is gone at once, and its rows follow a few at a time.

A job of a million results took seconds to delete, in one write that held up all others.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, delete, insert, select

from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.news import LostLease, News
from framefarm.farm.steering import NoSuchJobError, stage_ids
from framefarm.farm.usage import discount_job

_ROWS_AT_A_TIME = 1_000
_GROWING = (t.files, t.results, t.faults)


def delete_job(connection: Connection, catalog: Catalog, job_id: int) -> News:
    """Delete a job; what is being worked on is revoked, and late results of it are `gone`.

    Its results are left for `remove_leftovers`, but nobody can see them any more. Its files in the
    outputs folder stay. Its blobs stay until upkeep finds that nothing needs them.

    Raises:
        NoSuchJobError: There is no such job.
    """
    leases = connection.execute(
        select(t.leases.c.id, t.leases.c.worker_id)
        .join(t.stages, t.stages.c.id == t.leases.c.stage_id)
        .where(t.stages.c.job_id == job_id, t.leases.c.state == "active")
    ).all()
    stages = stage_ids(connection, job_id)
    discount_job(connection, job_id)
    # All else goes with it: `ON DELETE CASCADE`.
    if connection.execute(delete(t.jobs).where(t.jobs.c.id == job_id)).rowcount == 0:
        raise NoSuchJobError(job_id)
    connection.execute(insert(t.leftovers), [{"stage_id": stage_id} for stage_id in stages])
    catalog.forget(job_id)
    lost = [LostLease(row.id, row.worker_id, "the job was deleted") for row in leases]
    return News(jobs={job_id}, lost=lost)


def remove_leftovers(connection: Connection, most: int = _ROWS_AT_A_TIME) -> bool:
    """Remove some of what deleted jobs have left, up to about `most` rows of each table.

    Returns:
        Whether there may be more.
    """
    stage_id = connection.execute(select(t.leftovers.c.stage_id).limit(1)).scalar_one_or_none()
    if stage_id is None:
        return False
    ends = [_unit_of_row(connection, table, stage_id, most) for table in _GROWING]
    # The same units in all of them: at no time has a file no result.
    last = min((end for end in ends if end is not None), default=None)
    for table in _GROWING:
        here = table.c.stage_id == stage_id
        connection.execute(
            delete(table).where(here if last is None else here & (table.c.unit <= last))
        )
    if last is None:
        connection.execute(delete(t.leftovers).where(t.leftovers.c.stage_id == stage_id))
    return True


def _unit_of_row(connection: Connection, table: Table, stage_id: int, number: int) -> int | None:
    """The unit of a stage's row with this number in a table, None when there are fewer."""
    in_order = select(table.c.unit).where(table.c.stage_id == stage_id).order_by(table.c.unit)
    found: int | None = connection.execute(
        in_order.offset(number - 1).limit(1)
    ).scalar_one_or_none()
    return found
