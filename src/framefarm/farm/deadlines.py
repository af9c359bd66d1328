"""Jobs that would miss their deadline go before others of their priority, until they are in time.

Every few seconds the estimate of each open job with a deadline is held against it; a round trip
knows nothing of deadlines, it only sees the priority of stages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from framefarm.core.states import JobState
from framefarm.db import Prepared, database_now
from framefarm.db import tables as t
from framefarm.farm.news import News
from framefarm.farm.steering import job_state
from framefarm.farm.whole_estimates import Estimator, WholeEstimates

LOOKED_AT = 500
"""Jobs at a time, those whose deadline comes first."""

_MAY_RUN = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True)
class Verdict:
    """A job that is to be raised, or is to be as people gave it again."""

    job_id: int
    late: bool


_DUE = Prepared(
    select(t.jobs.c.id, t.jobs.c.deadline_at, t.jobs.c.raised)
    .where(t.jobs.c.state.in_(_MAY_RUN), t.jobs.c.deadline_at.is_not(None))
    .order_by(t.jobs.c.deadline_at)
    .limit(LOOKED_AT)
)


def judge(connection: Connection, estimate: Estimator) -> list[Verdict]:
    """Find jobs that would be late and are not raised, and those raised that are in time again."""
    now, estimates = database_now(connection), WholeEstimates(connection, estimate)
    found = []
    for job in _DUE.rows(connection):
        late = _is_late(estimates, job, job.deadline_at - now)
        if late is not None and late != (job.raised > 0):
            found.append(Verdict(job.id, late))
    return found


def _is_late(estimates: WholeEstimates, job: Any, left_s: float) -> bool | None:
    """Whether a job would miss its deadline with the slots it has; None for neither this nor that.

    Of one that has no frame yet nothing is known: it goes first until it has some. One that is
    raised stays so until it is in time also if it takes long, else it would go up and down.
    """
    found = estimates.of(job.id)
    if found is None or found.likely_s > left_s:
        return True
    return False if found.high_s <= left_s else None


def apply(connection: Connection, verdicts: list[Verdict], step: int) -> News:
    """Raise jobs above others of their priority, or put them back.

    Args:
        step: By how much; 1 stays below the next priority.
    """
    news = News()
    for verdict in verdicts:
        raised = step if verdict.late else 0
        before = connection.execute(
            select(t.jobs.c.raised).where(
                t.jobs.c.id == verdict.job_id, t.jobs.c.state.in_(_MAY_RUN)
            )
        ).scalar_one_or_none()
        if before is not None and before != raised:
            _raise(connection, verdict.job_id, raised, by=raised - before)
            news.jobs.add(verdict.job_id)
    return news


def set_deadline(connection: Connection, job_id: int, deadline_at: float | None) -> News:
    """Change when a job is to be done; what that means for its turn is found out soon.

    Raises:
        NoSuchJobError: There is no such job.
    """
    job_state(connection, job_id)
    raised = connection.execute(select(t.jobs.c.raised).where(t.jobs.c.id == job_id)).scalar_one()
    connection.execute(update(t.jobs).where(t.jobs.c.id == job_id).values(deadline_at=deadline_at))
    if deadline_at is None and raised:
        _raise(connection, job_id, 0, by=-raised)
    return News(jobs={job_id})


def _raise(connection: Connection, job_id: int, raised: int, *, by: int) -> None:
    connection.execute(update(t.jobs).where(t.jobs.c.id == job_id).values(raised=raised))
    connection.execute(
        update(t.stages)
        .where(t.stages.c.job_id == job_id)
        .values(priority=t.stages.c.priority + by)
    )
