"""Deleting jobs with their files, and projects, sequences and shots with their jobs.

Whatever ends it half-way, a kill included, the same asked for again deletes the rest: files go
before the job that they are of, and jobs before what they belong to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Table

from framefarm.core.errors import FrameFarmError
from framefarm.core.listing import first_of, plural
from framefarm.farm.deleting import delete_job
from framefarm.farm.duties import guarded
from framefarm.farm.news import News
from framefarm.farm.shot_changes import check_ended, ended_jobs, remove
from framefarm.farm.steering import NoSuchJobError, find_job

if TYPE_CHECKING:
    from framefarm.farm.service import Farm


class PartlyDeletedError(FrameFarmError):
    """Some jobs of a project, a sequence or a shot are deleted; the rest of it is there."""

    code = "partly_deleted"

    def __init__(self, left: Sequence[int], of: int, why: FrameFarmError) -> None:
        numbers = first_of([str(job) for job in left])
        super().__init__(
            f"{plural(of - len(left), 'job')} of it went, {len(left):,} did not: {numbers}. {why} "
            "The same once more deletes the rest."
        )
        self.left = tuple(left)


@dataclass(frozen=True)
class Deletion:
    """What is to be deleted.

    Attributes:
        by: The artist who asks; None for whoever may delete everything.
        jobs: Whether jobs of it that ended go with it.
        outputs: Whether those jobs' files in the outputs folder go as well.
    """

    table: Table
    row_id: int
    by: str | None
    jobs: bool
    outputs: bool


async def remove_place(farm: Farm, what: Deletion, check: Callable[[Connection], None]) -> None:
    """Delete a project, a sequence or a shot; its jobs one after the other before it.

    Args:
        check: May refuse; called before anything is deleted, and again at the end.

    Raises:
        InUseError: Jobs belong to it that are not to go with it, or have not ended.
        PartlyDeletedError: A job could not be deleted after others were.
    """
    await farm.read(check)
    if what.jobs:
        find = partial(ended_jobs, table=what.table, row_id=what.row_id, by=what.by)
        await _remove_jobs(farm, await farm.read(find), outputs=what.outputs)

    def work(connection: Connection) -> Sequence[Row[Any]]:
        check(connection)
        return remove(connection, what.table, what.row_id, what.by)

    farm.telling.of_shots.deleted(await farm.writer.write(work))


async def _remove_jobs(farm: Farm, jobs: Sequence[int], *, outputs: bool) -> None:
    for count, job in enumerate(jobs):
        try:
            still_ended = partial(check_ended, job_id=job)
            await remove_job(farm, job, outputs=outputs, check=still_ended)
        except NoSuchJobError:
            continue  # somebody else has deleted it
        except FrameFarmError as error:
            if not count:
                raise
            raise PartlyDeletedError(jobs[count:], len(jobs), error) from error


async def remove_job(
    farm: Farm, job_id: int, *, outputs: bool, check: Callable[[Connection], None]
) -> None:
    """Delete a job.

    Args:
        outputs: Also remove its files from the outputs folder.
        check: Called before anything is deleted, and by the transaction that does; may refuse.

    Raises:
        NoSuchJobError: There is no such job.
    """

    def look(connection: Connection) -> Any:
        job = find_job(connection, job_id)
        check(connection)
        return job

    job = await farm.read(look)
    placed = await asyncio.to_thread(farm.delivery.places, job_id) if outputs else []
    # Before the job, which says where they are; and after it, since results may come meanwhile.
    await farm.delivery.remove(placed)
    try:
        await farm.change(partial(_delete, farm=farm, job_id=job_id, check=check))
    except FrameFarmError:
        if placed:
            await guarded("deliver", farm.delivery.all_of(job_id))
        raise
    # Again: a transaction that was rolled back and repeated may have read it anew meanwhile.
    farm.catalog.forget(job_id)
    farm.deleted.set()
    farm.telling.deleted(job)
    farm.delivery.forget(job_id)
    await farm.delivery.remove(placed)


def _delete(
    connection: Connection, farm: Farm, job_id: int, check: Callable[[Connection], None]
) -> News:
    check(connection)
    return delete_job(connection, farm.catalog, job_id)
