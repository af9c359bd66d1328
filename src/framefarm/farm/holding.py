"""Holding a job of which everything fails the same way, trying it again, letting it go (L9).

Every unit would be tried three times, and a thousand frames that no worker can render keep the farm
from those it can. A held job is paused and says why; nothing of it is lost or given up. After a
while one unit of it is leased. Success, of that or of any other, lets the job go; failure holds it
for twice as long. Nobody has to do anything for that; `resume` lets it go at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, and_, select, update

from framefarm.core.blame import KILLED, LOST, PLACEMENT, BlameLimits
from framefarm.core.states import JOB, JobEvent, JobState, advance
from framefarm.db import Prepared, database_now
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
HELD = and_(t.jobs.c.state == JobState.PAUSED, t.jobs.c.message != "", t.jobs.c.holds > 0)
"""What is so of the row of a held job, see `is_held`."""


Cause = tuple[str, str]
"""Why a unit failed, as far as two failures are alike by it."""


def cause_of(reason: str, message: str) -> Cause:
    """What a failure was caused by; numbers in what was said of it do not matter."""
    return reason, _DIGITS.sub("#", message)


def is_held(job: Any) -> bool:
    """Whether a job, a row of `jobs`, is held: paused, but by nobody."""
    return bool(job.state == JobState.PAUSED and job.message and job.holds)


# --- holding ------------------------------------------------------------------------------------


def hold_if_all_fails(
    connection: Connection, stage_id: int, reason: str, blame: Blame, *, now: float, news: News
) -> None:
    """Hold the job of a stage at which nothing succeeded, but enough units failed alike.

    That takes `blame.limits.alike` different units, on as many workers as a unit is tried on, or
    on all that could do it, and as long as workers' pauses last together (L13): trouble that
    passes has passed by then. A job that is tried again is held again by its first failure.

    Args:
        stage_id: One of which a unit has just failed.
        reason: Why it did.
        blame: The numbers, and who else could do it.
        now: The database's time.
        news: Hears of it.
    """
    if reason in _NOT_THE_JOBS:
        return
    stage = connection.execute(_STAGE.where(t.stages.c.id == stage_id)).one()
    if is_held(stage):
        if stage.try_at is None:
            _hold_again(connection, stage, blame.limits, now)
            news.jobs.add(stage.job_id)
        return
    message = _why_held(connection, stage, blame, now)
    if message:
        _hold(connection, stage.job_id, message, now, blame.limits)
        news.jobs.add(stage.job_id)


def hold_instead(
    connection: Connection,
    stage_id: int,
    cause: Cause,
    limits: BlameLimits,
    *,
    now: float,
    news: News,
) -> bool:
    """Hold a job rather than give up a unit of it, where all that was tried fails alike.

    Who else might do better, and who let the job go before, does not matter then: the unit has been
    tried as often as any is, and would be lost to what may well pass. So would one that is tried
    while its job is held. Once the pauses between such tries grow no longer it is given up, so that
    what never works ends at last.

    Args:
        stage_id: The unit's.
        cause: What has just made it fail, for the last time it seems.
        limits: The numbers.
        now: The database's time.
        news: Hears of it when the job is held.

    Returns:
        Whether the unit is to wait with the others.
    """
    stage = connection.execute(_STAGE.where(t.stages.c.id == stage_id)).one()
    if cause[0] in _NOT_THE_JOBS or not limits.alike or stage.done:
        return False
    if is_held(stage) and stage.try_at is None:
        return limits.hold_for(stage.holds) < limits.longest_hold_s
    rows = connection.execute(_FAULTS.where(t.faults.c.stage_id == stage_id)).all()
    alike = [row for row in rows if _cause(row) == cause]
    if not _enough(alike, limits, now):
        return False
    if stage.state in _HOLDABLE:
        _hold(connection, stage.job_id, _message(stage, alike), now, limits)
        news.jobs.add(stage.job_id)
    return True


_STAGE = select(
    t.stages.c.id,
    t.stages.c.job_id,
    t.stages.c.kind,
    t.stages.c.done,
    t.stages.c.pending,
    t.jobs.c.state,
    t.jobs.c.message,
    t.jobs.c.held_at,
    t.jobs.c.holds,
    t.jobs.c.try_at,
).join(t.jobs, t.jobs.c.id == t.stages.c.job_id)


def _why_held(connection: Connection, stage: Any, blame: Blame, now: float) -> str:
    """Why to hold the job of a stage; nothing where it is to go on."""
    limits = blame.limits
    if not limits.alike or stage.done or not stage.pending or stage.state not in _HOLDABLE:
        return ""
    # A person let it go since. A clock that went back makes that time mean nothing.
    let_go_at = stage.held_at if stage.held_at is not None and stage.held_at <= now else 0.0
    counting = (t.faults.c.stage_id == stage.id) & (t.faults.c.at >= let_go_at)
    rows = connection.execute(_FAULTS.where(counting)).all()
    alike = [row for row in rows if _cause(row) == _cause(rows[0])]
    if not _enough(alike, limits, now):
        return ""
    workers = frozenset(row.worker_id for row in alike)
    if len(workers) < limits.workers and blame.elsewhere(
        connection, asked_of(connection, stage.id), workers, 0
    ):
        return ""
    return _message(stage, alike)


_FAULTS = (
    select(
        t.faults.c.unit, t.faults.c.worker_id, t.faults.c.reason, t.faults.c.message, t.faults.c.at
    )
    .where(~t.faults.c.forgiven, t.faults.c.reason.not_in(_NOT_THE_JOBS))
    .order_by(t.faults.c.id.desc())
    .limit(_LOOKED_AT)
)


def _cause(fault: Any) -> Cause:
    return cause_of(fault.reason, fault.message)


def _enough(alike: Sequence[Any], limits: BlameLimits, now: float) -> bool:
    """Whether failures are of enough units, over long enough."""
    if len({row.unit for row in alike}) < limits.alike:
        return False
    # What is to come was before a clock went back, nobody knows how long.
    return any(row.at > now for row in alike) or (
        now - min(row.at for row in alike) >= limits.rests_in_all_s
    )


def _message(stage: Any, alike: Sequence[Any]) -> str:
    units, workers = ({getattr(row, name) for row in alike} for name in ("unit", "worker_id"))
    word = "frames" if stage.kind == "render" else f"{stage.kind} units"
    where = "the one worker there is" if len(workers) == 1 else f"{len(workers)} workers"
    said = " ".join(alike[0].message.split())[:_LONGEST_REASON].rstrip(".")
    return f"Held: {len(units)} {word} failed the same way on {where}, and none succeeded: {said}."


def _hold(
    connection: Connection, job_id: int, message: str, now: float, limits: BlameLimits
) -> None:
    held = {"state": JobState.PAUSED, "message": message, "holds": 1, "held_at": now}
    connection.execute(
        update(t.jobs)
        .where(t.jobs.c.id == job_id, t.jobs.c.state.in_(_HOLDABLE))
        .values(**held, try_at=now + limits.hold_for(1))
    )
    _refresh(connection, job_id)


def _hold_again(connection: Connection, stage: Any, limits: BlameLimits, now: float) -> None:
    holds = stage.holds + 1
    connection.execute(
        update(t.jobs)
        .where(t.jobs.c.id == stage.job_id)
        .values(holds=holds, held_at=now, try_at=now + limits.hold_for(holds))
    )
    _put_on_trial(connection, stage.job_id, None)


# --- trying again -------------------------------------------------------------------------------


def try_held(connection: Connection) -> News:
    """Let one unit of each held job be leased whose time has come."""
    now, news = database_now(connection), News()
    for job in _HELD_JOBS.rows(connection):
        # A clock that went back must not keep it waiting for as long as that.
        due = job.try_at is not None and (job.try_at <= now or job.held_at > now)
        if due or (job.try_at is None and not _is_tried(connection, job)):
            _try_again(connection, job.id, now)
            news.jobs.add(job.id)
            news.work = True
    return news


_HELD_JOBS = Prepared(
    select(t.jobs.c.id, t.jobs.c.held_at, t.jobs.c.try_at).where(HELD).order_by(t.jobs.c.id)
)


def _is_tried(connection: Connection, job: Any) -> bool:
    """Whether a unit of it may be leased, or is, since it is tried again."""
    its = select(t.stages.c.id).where(t.stages.c.job_id == job.id)
    waits = its.where(t.stages.c.on_trial, t.stages.c.pending > 0)
    leased = select(t.leases.c.id).where(
        t.leases.c.stage_id.in_(its),
        t.leases.c.state == "active",
        t.leases.c.leased_at >= job.held_at,
    )
    return any(connection.execute(found.limit(1)).first() for found in (waits, leased))


def _try_again(connection: Connection, job_id: int, now: float) -> None:
    waiting = (
        select(t.stages.c.id)
        .where(t.stages.c.job_id == job_id, t.stages.c.pending > 0, t.stages.c.done == 0)
        .order_by(t.stages.c.position)
    )
    stage_id = connection.execute(waiting.limit(1)).scalar()
    if stage_id is None:  # what failed has ended, and of the rest something succeeded
        _free(connection, job_id)
        return
    connection.execute(update(t.jobs).where(t.jobs.c.id == job_id).values(try_at=None, held_at=now))
    _put_on_trial(connection, job_id, stage_id)


# --- letting go ---------------------------------------------------------------------------------


def let_go(connection: Connection, job_ids: Iterable[int], news: News) -> None:
    """Let jobs go on that are held, and of which a unit has succeeded."""
    held = select(t.jobs.c.id).where(t.jobs.c.id.in_(sorted(set(job_ids))), HELD)
    for job_id in connection.execute(held.order_by(t.jobs.c.id)).scalars().all():
        _free(connection, job_id)
        news.jobs.add(job_id)
        news.work = True


def _free(connection: Connection, job_id: int) -> None:
    again = advance(JOB, advance(JOB, JobState.PAUSED, JobEvent.RESUME), JobEvent.START)
    connection.execute(
        update(t.jobs)
        .where(t.jobs.c.id == job_id, HELD)
        .values(state=again, message="", holds=0, try_at=None)
    )
    _put_on_trial(connection, job_id, None)


def _put_on_trial(connection: Connection, job_id: int, stage_id: int | None) -> None:
    """Let a unit of this stage of a job be leased though it is held, and of no other."""
    on_trial = t.stages.c.id == stage_id if stage_id is not None else False
    its = t.stages.c.job_id == job_id
    connection.execute(update(t.stages).where(its).values(on_trial=on_trial))
    _refresh(connection, job_id)


def _refresh(connection: Connection, job_id: int) -> None:
    stages = select(t.stages.c.id).where(t.stages.c.job_id == job_id)
    refresh_claimable(connection, connection.execute(stages).scalars().all())
