"""Which sessions jobs have and workers are in, as views of jobs and workers show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from framefarm.db import Prepared
from framefarm.db import tables as t


@dataclass(frozen=True)
class JobSession:
    """The workers that a job has for itself, in short; `/api/sessions/{id}` tells more.

    Attributes:
        wanted: How many it asked for in all.
        workers: How many it has.
        waiting: Whether nothing of the job is given out before it has all.
    """

    id: int
    wanted: int
    workers: int
    waiting: bool


@dataclass(frozen=True)
class WorkerSession:
    """The session that a worker is in: the job that it works for before all others.

    Attributes:
        name, owner: Of the job.
    """

    id: int
    job: int
    name: str
    owner: str


def sessions_of_jobs(connection: Connection, job_ids: Sequence[int]) -> dict[int, JobSession]:
    """The sessions of some jobs that have not ended, by job."""
    rows = _OF_JOBS.rows(connection, job_ids)
    return {row.job_id: JobSession(row.id, row.wanted, row.members, row.waiting) for row in rows}


def sessions_of_workers(
    connection: Connection, worker_ids: Sequence[str]
) -> dict[str, WorkerSession]:
    """The sessions that some workers are in, by worker."""
    rows = _OF_WORKERS.rows(connection, worker_ids)
    return {row.worker_id: WorkerSession(row.id, row.job_id, row.name, row.owner) for row in rows}


_SESSION, _MEMBER, _JOB = t.sessions.c, t.session_workers.c, t.jobs.c
_MEMBERS = (
    select(func.count())
    .where(_MEMBER.session_id == _SESSION.id)
    .correlate(t.sessions)
    .scalar_subquery()
)
_OF_JOBS = Prepared(
    select(
        *(_SESSION.id, _SESSION.job_id, _SESSION.wanted, _SESSION.waiting),
        _MEMBERS.label("members"),
    ).where(_SESSION.job_id.in_(bindparam("jobs", expanding=True)), _SESSION.ended_at.is_(None)),
    listed="jobs",
)
_OF_WORKERS = Prepared(
    select(_MEMBER.worker_id, _SESSION.id, _SESSION.job_id, _JOB.name, _JOB.owner)
    .join(t.sessions, _SESSION.id == _MEMBER.session_id)
    .join(t.jobs, _JOB.id == _SESSION.job_id)
    .where(
        _MEMBER.worker_id.in_(bindparam("workers", expanding=True)), _SESSION.ended_at.is_(None)
    ),
    listed="workers",
)
