"""What a person's jobs may take of the farm, as admins set it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, select

from framefarm.core.errors import FrameFarmError
from framefarm.core.listing import are, plural
from framefarm.core.states import JobState
from framefarm.db import tables as t
from framefarm.farm.new_jobs import PlannedJob

QUOTAS = ("max_jobs", "max_frames", "max_slots")
"""The columns of `users`; None is no limit. Slots are looked at when leases are made."""

_OPEN = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)


class QuotaExceededError(FrameFarmError):
    """A job would take more than its owner may have."""

    code = "quota_exceeded"


def check_quota(connection: Connection, job: PlannedJob) -> None:
    """Make sure that a job may be made; call it in the transaction that makes it.

    Raises:
        QuotaExceededError: Its owner may not have so many jobs, or frames, at a time.
    """
    owner = job.wishes.owner
    quota = connection.execute(
        select(t.users.c.max_jobs, t.users.c.max_frames).where(t.users.c.name == owner)
    ).one_or_none()
    if quota is None or (quota.max_jobs is None and quota.max_frames is None):
        return
    taken = _taken(connection, owner)
    frames = len(job.stages[0].plan.units)
    _check(owner, "job", 1, taken.jobs, quota.max_jobs)
    _check(owner, "frame", frames, taken.frames or 0, quota.max_frames)


def check_again(connection: Connection, job_id: int) -> None:
    """Make sure that a job that has ended may go on; as `check_quota`, for what is left of it.

    Raises:
        QuotaExceededError: Its owner may not have so many jobs at a time.
    """
    job = connection.execute(
        select(t.jobs.c.state, t.jobs.c.owner).where(t.jobs.c.id == job_id)
    ).one_or_none()
    if job is None or job.state in _OPEN:
        return
    most = connection.execute(
        select(t.users.c.max_jobs).where(t.users.c.name == job.owner)
    ).scalar_one_or_none()
    if most is not None:
        _check(job.owner, "job", 1, _taken(connection, job.owner).jobs, most)


def _taken(connection: Connection, owner: str) -> Row[Any]:
    """Jobs of an owner that have not ended, and frames of them that are not settled."""
    first = t.stages.c
    left = first.total - first.done - first.failed - first.cancelled
    return connection.execute(
        select(func.count().label("jobs"), func.sum(left).label("frames"))
        .select_from(t.jobs.join(t.stages, first.job_id == t.jobs.c.id))
        .where(t.jobs.c.owner == owner, t.jobs.c.state.in_(_OPEN), first.position == 0)
    ).one()


def _check(owner: str, what: str, asked: int, taken: int, most: int | None) -> None:
    if most is None or taken + asked <= most:
        return
    left = max(0, most - taken)
    raise QuotaExceededError(
        f"{owner} may have {plural(most, what)} that {are(most)} open and has {taken:,}; "
        f"{left:,} more {are(left)} possible, {asked:,} {are(asked)} asked for. Wait, cancel "
        f"others, or ask an admin, who changes it with "
        f"`framefarm users quota {owner} --{what}s N`."
    )
