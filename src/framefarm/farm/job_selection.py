"""Which jobs a person means who does the same with many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, or_, select

from framefarm.core.errors import FrameFarmError
from framefarm.core.states import ENDED_JOBS
from framefarm.db import tables as t
from framefarm.farm.job_pages import JobFilter
from framefarm.farm.many_jobs import JobAction
from framefarm.farm.steering import NoSuchJobError

MOST_AT_ONCE = 1_000


class NoJobMatchesError(FrameFarmError):
    """A filter that no job passes with which anything could be done."""

    code = "no_such_job"


class TooManyJobsError(FrameFarmError):
    """More jobs are meant than are steered in one go."""

    code = "too_many_jobs"


def select_jobs(
    connection: Connection,
    wanted: Sequence[int] | JobFilter,
    action: JobAction,
    *,
    owner: str | None = None,
) -> list[Row[Any]]:
    """Numbers and names of the jobs that are meant, none twice, the oldest first.

    Args:
        wanted: By number, or those that match. A filter that names no state leaves out jobs with
            which there is nothing to do: to retry are those of which something failed or was
            cancelled, to delete are all, and all else is for those that have not ended.
        owner: Only this person's may be steered; None for everybody's.

    Raises:
        NoSuchJobError: There is none of a number, or it is somebody else's. No other is selected.
        NoJobMatchesError: The filter lets none through.
        TooManyJobsError: More than `MOST_AT_ONCE` match.
    """
    if isinstance(wanted, JobFilter):
        return _matching(connection, wanted, action, owner)
    found = connection.execute(_JOBS.where(t.jobs.c.id.in_(wanted))).all()
    theirs = {row.id for row in found if owner in {None, row.owner}}
    for job_id in wanted:
        if job_id not in theirs:
            raise NoSuchJobError(job_id)
    return list(found)


_JOBS: Select[Any] = select(t.jobs.c.id, t.jobs.c.name, t.jobs.c.owner).order_by(t.jobs.c.id)


def _matching(
    connection: Connection, wanted: JobFilter, action: JobAction, owner: str | None
) -> list[Row[Any]]:
    query = wanted.apply(_JOBS)
    if owner is not None:
        query = query.where(t.jobs.c.owner == owner)
    if not wanted.states:
        query = _concerned(query, action)
    found = list(connection.execute(query.limit(MOST_AT_ONCE + 1)).all())
    if not found:
        raise NoJobMatchesError(
            f"There is no job like that to {action}; `framefarm jobs` lists those there are."
        )
    if len(found) > MOST_AT_ONCE:
        raise TooManyJobsError(
            f"More than {MOST_AT_ONCE:,} jobs match that; narrow it, for example by shot or state."
        )
    return found


def _concerned(query: Select[Any], action: JobAction) -> Select[Any]:
    if action is JobAction.DELETE:
        return query
    if action is JobAction.RETRY:
        given_up = or_(t.stages.c.failed > 0, t.stages.c.cancelled > 0)
        return query.where(exists().where(t.stages.c.job_id == t.jobs.c.id, given_up))
    return query.where(t.jobs.c.state.not_in(ENDED_JOBS))
