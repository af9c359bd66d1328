"""Holding a job of which everything fails the same way, and letting it go again (L9).

Every unit would be tried three times, and a thousand frames that no worker can render keep the farm
from those it can. A held job is paused and says why; nothing of it is lost or given up. It goes on
when a person resumes it, and by itself when one of its units succeeds after all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from framefarm.core.blame import KILLED, LOST, PLACEMENT
from framefarm.core.states import JOB, JobEvent, JobState, advance
from framefarm.db import tables as t
from framefarm.farm.blame import Blame, asked_of
from framefarm.farm.news import News
from framefarm.farm.settling import refresh_claimable

_NOT_THE_JOBS = (LOST, KILLED, PLACEMENT)
_LOOKED_AT = 300
"""Failures, the latest first. Enough for all tries of the units that a hold takes."""

_DIGITS = re.compile(r"\d+")
_LONGEST_REASON = 400

_HOLDABLE = [JobState.QUEUED, JobState.RUNNING]


def hold_if_all_fails(
    connection: Connection, stage_id: int, blame: Blame, *, now: float, news: News
) -> None:
    """Hold the job of a stage at which nothing succeeded, but enough units failed alike.

    That takes `blame.limits.alike` different units, on as many workers as a unit is tried on, or
    on all that could do it, and as long as workers' pauses last together (L13): trouble that
    passes has passed by then.

    Args:
        stage_id: One of which a unit has just failed.
        blame: The numbers, and who else could do it.
        now: The database's time.
        news: Hears of it.
    """
    if not blame.limits.alike:
        return
    stage = connection.execute(_STAGE.where(t.stages.c.id == stage_id)).one()
    if stage.done or not stage.pending or stage.state not in _HOLDABLE or stage.held_at is not None:
        return
    faults = connection.execute(_FAULTS.where(t.faults.c.stage_id == stage_id)).all()
    alike = _alike(faults)
    units, workers = {row.unit for row in alike}, frozenset(row.worker_id for row in alike)
    since = now - min((row.at for row in alike), default=now)
    if len(units) < blame.limits.alike or since < blame.limits.rests_in_all_s:
        return
    if len(workers) < blame.limits.workers and blame.elsewhere(
        connection, asked_of(connection, stage_id), workers, 0
    ):
        return
    message = _message(stage, len(units), len(workers), alike[0].message)
    _hold(connection, stage.job_id, message, now)
    news.jobs.add(stage.job_id)


_STAGE = select(
    t.stages.c.job_id,
    t.stages.c.kind,
    t.stages.c.done,
    t.stages.c.pending,
    t.jobs.c.state,
    t.jobs.c.held_at,
).join(t.jobs, t.jobs.c.id == t.stages.c.job_id)

_FAULTS = (
    select(
        t.faults.c.unit, t.faults.c.worker_id, t.faults.c.reason, t.faults.c.message, t.faults.c.at
    )
    .where(~t.faults.c.forgiven, t.faults.c.reason.not_in(_NOT_THE_JOBS))
    .order_by(t.faults.c.id.desc())
    .limit(_LOOKED_AT)
)


def _alike(faults: Sequence[Any]) -> list[Any]:
    """Those that went wrong as the latest did; numbers in what was said of them do not matter."""
    return [row for row in faults if _cause(row) == _cause(faults[0])]


def _cause(fault: Any) -> tuple[str, str]:
    return fault.reason, _DIGITS.sub("#", fault.message)


def _message(stage: Any, units: int, workers: int, reason: str) -> str:
    word = "frames" if stage.kind == "render" else f"{stage.kind} units"
    where = "the one worker there is" if workers == 1 else f"{workers} workers"
    said = " ".join(reason.split())[:_LONGEST_REASON].rstrip(".")
    return (
        f"Held: {units} {word} failed the same way on {where}, and none succeeded: {said}. "
        f"`framefarm resume {stage.job_id}` goes on when that is mended, or all the same."
    )


def _hold(connection: Connection, job_id: int, message: str, now: float) -> None:
    connection.execute(
        update(t.jobs)
        .where(t.jobs.c.id == job_id, t.jobs.c.state.in_(_HOLDABLE))
        .values(state=JobState.PAUSED, held_at=now, message=message)
    )
    _refresh(connection, job_id)


def let_go(connection: Connection, job_ids: Iterable[int], news: News) -> None:
    """Let jobs go on that are held, and of which a unit has succeeded."""
    again = advance(JOB, advance(JOB, JobState.PAUSED, JobEvent.RESUME), JobEvent.START)
    for job_id in sorted(set(job_ids)):
        held = (t.jobs.c.id == job_id) & (t.jobs.c.state == JobState.PAUSED)
        freed = connection.execute(
            update(t.jobs).where(held, t.jobs.c.message != "").values(state=again, message="")
        )
        if freed.rowcount:
            _refresh(connection, job_id)
            news.jobs.add(job_id)
            news.work = True


def _refresh(connection: Connection, job_id: int) -> None:
    stages = select(t.stages.c.id).where(t.stages.c.job_id == job_id)
    refresh_claimable(connection, connection.execute(stages).scalars().all())
