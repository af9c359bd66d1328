"""What a person's jobs and files may take of the farm, as admins set it.

What is rendered is never refused, so results may take more than the quota of bytes says; then
nothing is uploaded, and no job begins, until there is something left again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from framefarm.core.errors import FrameFarmError
from framefarm.core.listing import are, plural
from framefarm.core.sizes import told_size
from framefarm.core.states import JobState
from framefarm.db import tables as t
from framefarm.farm.new_jobs import PlannedJob
from framefarm.protocol.chunks import MAX_PACK_BYTES

QUOTAS = ("max_jobs", "max_frames", "max_slots", "max_bytes")
"""The columns of `users`; None is no limit. Slots are looked at when leases are made."""

_TO_HAVE_ROOM = (
    "Delete jobs with `framefarm delete`: that frees their results at once, and uploads that only "
    "they needed within a day, or now by `framefarm uploads remove --unneeded`."
)

_OPEN = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)


@dataclass(frozen=True)
class _Quota:
    """What one may have, and the bytes that are used of it."""

    name: str
    max_jobs: int | None
    max_frames: int | None
    max_bytes: int | None
    used_bytes: int


class QuotaExceededError(FrameFarmError):
    """A job would take more than its owner may have."""

    code = "quota_exceeded"

    def __init__(self, owner: str, text: str) -> None:
        super().__init__(text)
        self.owner = owner


def check_quota(connection: Connection, job: PlannedJob) -> None:
    """Make sure that a job may be made; call it in the transaction that makes it.

    Raises:
        QuotaExceededError: Its owner may not have so many jobs, or frames, at a time, or has as
            many bytes as may be.
    """
    owner = job.wishes.owner
    quota = _quota(connection, t.users.c.name == owner)
    if quota is None:
        return
    _check_left(quota)
    if quota.max_jobs is None and quota.max_frames is None:
        return
    taken = _taken(connection, owner)
    frames = len(job.stages[0].plan.units)
    _check(owner, "job", 1, taken.jobs, quota.max_jobs)
    _check(owner, "frame", frames, taken.frames or 0, quota.max_frames)


def check_again(connection: Connection, job_id: int) -> None:
    """Make sure that a job that has ended may go on; as `check_quota`, for what is left of it.

    Raises:
        QuotaExceededError: Its owner may not have so many jobs at a time, or has as many bytes as
            may be.
    """
    job = connection.execute(
        select(t.jobs.c.state, t.jobs.c.owner).where(t.jobs.c.id == job_id)
    ).one_or_none()
    if job is None or job.state in _OPEN:
        return
    quota = _quota(connection, t.users.c.name == job.owner)
    if quota is None:
        return
    _check_left(quota)
    if quota.max_jobs is not None:
        _check(job.owner, "job", 1, _taken(connection, job.owner).jobs, quota.max_jobs)


def check_bytes(connection: Connection, user_id: int, coming: int | None) -> None:
    """Make sure that a person may upload so many bytes more.

    Args:
        coming: How many; None where that is not known: then something has to be left.

    Raises:
        QuotaExceededError: They are more than what is left.
    """
    quota = _quota(connection, t.users.c.id == user_id)
    if quota is None or quota.max_bytes is None or coming == 0:
        return
    if coming is None:
        _check_left(quota, "nothing of theirs can be uploaded")
        return
    left = max(0, quota.max_bytes - quota.used_bytes)
    if coming > left:
        raise QuotaExceededError(
            quota.name,
            f"{_full(quota, quota.max_bytes)}. That leaves {told_size(left)}, too little for an "
            f"upload of {told_size(coming)}. {_TO_HAVE_ROOM} {_ask(quota.name, 'bytes')}",
        )


def check_waiting(connection: Connection, user_id: int, waiting_bytes: int) -> None:
    """Make sure that a person may send more chunks of files that are not complete.

    They count for nobody until they are a file, so this keeps the disk from being filled with them.

    Args:
        waiting_bytes: What waits would take with them.

    Raises:
        QuotaExceededError: It is more than all of the quota, and a request's worth besides.
    """
    quota = _quota(connection, t.users.c.id == user_id)
    if quota is None or quota.max_bytes is None:
        return
    if waiting_bytes > quota.max_bytes + MAX_PACK_BYTES:
        raise QuotaExceededError(
            quota.name,
            f"What {quota.name} sent of files that are not complete would take "
            f"{told_size(waiting_bytes)}; it may take {told_size(quota.max_bytes)}. Complete an "
            f"upload that broke off; what nobody goes on with is removed after a day. "
            f"{_ask(quota.name, 'bytes')}",
        )


def _check_left(quota: _Quota, then: str = "no job of theirs can begin") -> None:
    """What a job's results will take nobody knows before; so there must be something left."""
    if quota.max_bytes is not None and quota.used_bytes >= quota.max_bytes:
        raise QuotaExceededError(
            quota.name,
            f"{_full(quota, quota.max_bytes)}, so {then}. {_TO_HAVE_ROOM} "
            f"{_ask(quota.name, 'bytes')}",
        )


def _full(quota: _Quota, most: int) -> str:
    used = told_size(quota.used_bytes)
    return f"The files of {quota.name} may take {told_size(most)} and take {used}"


def _ask(owner: str, what: str) -> str:
    return f"Or ask an admin, who changes it with `framefarm users quota {owner} --{what} N`."


def _quota(connection: Connection, who: ColumnElement[bool]) -> _Quota | None:
    u = t.users.c
    quota = select(
        *(u.name, u.max_jobs, u.max_frames, u.max_bytes),
        (u.upload_bytes + u.result_bytes).label("used_bytes"),
    )
    found = connection.execute(quota.where(who)).one_or_none()
    return None if found is None else _Quota(*found)


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
        owner,
        f"{owner} may have {plural(most, what)} that {are(most)} open and has {taken:,}; "
        f"{left:,} more {are(left)} possible, {asked:,} {are(asked)} asked for. Wait, or cancel "
        f"others. {_ask(owner, f'{what}s')}",
    )
