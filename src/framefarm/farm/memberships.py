"""Which sessions jobs have and workers are in, as views of jobs and workers show it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

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


def sessions_of_jobs(connection: Connection, job_ids: Collection[int]) -> dict[int, JobSession]:
    """The sessions of some jobs that have not ended, by job."""
    s = t.sessions.c
    members = (
        select(func.count())
        .where(t.session_workers.c.session_id == s.id)
        .correlate(t.sessions)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(s.id, s.job_id, s.wanted, s.waiting, members.label("members")).where(
            s.job_id.in_(job_ids), s.ended_at.is_(None)
        )
    )
    return {row.job_id: JobSession(row.id, row.wanted, row.members, row.waiting) for row in rows}


def sessions_of_workers(
    connection: Connection, worker_ids: Collection[str]
) -> dict[str, WorkerSession]:
    """The sessions that some workers are in, by worker."""
    member, s, j = t.session_workers.c, t.sessions.c, t.jobs.c
    rows = connection.execute(
        select(member.worker_id, s.id, s.job_id, j.name, j.owner)
        .join(t.sessions, s.id == member.session_id)
        .join(t.jobs, j.id == s.job_id)
        .where(member.worker_id.in_(worker_ids), s.ended_at.is_(None))
    )
    return {row.worker_id: WorkerSession(row.id, row.job_id, row.name, row.owner) for row in rows}
