"""Why a job is not running, or not on more workers: the exact reason for each (`framefarm why`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from framefarm.core.states import JobState, StageState
from framefarm.db import tables as t
from framefarm.farm.holding import is_held
from framefarm.farm.limits import what_holds_back
from framefarm.farm.pool_limits import pools_holding_back
from framefarm.farm.roster import Link
from framefarm.farm.session_views import first_that_waits
from framefarm.farm.steering import find_job
from framefarm.farm.views import iso, tried_again_at
from framefarm.farm.worker_reasons import WorkerReason, case_of, reasons_of


@dataclass(frozen=True)
class Why:
    """Why a job is not running, or not on more workers.

    Attributes:
        answer: The job as a whole, in a sentence or two.
        stages: What holds up each stage that has units left.
        workers: One for each worker, those that work on it first; of a paused job only those.
        stuck: Whether nothing of it is in work and, as things are, no worker will ever take it up.
        held: Whether it is paused by nobody, but because all that was tried of it failed alike.
        tried_again_at: When it is tried again by itself; nothing while it is.
    """

    job: int
    state: str
    answer: str
    stages: list[str] = field(default_factory=list)
    workers: list[WorkerReason] = field(default_factory=list)
    stuck: bool = False
    held: bool = False
    tried_again_at: str | None = None


def explain(connection: Connection, job_id: int, links: dict[str, Link]) -> Why:
    """Find out why a job is not running (more).

    Args:
        connection: For reading.
        job_id: Which job.
        links: The connected workers, by id.

    Raises:
        NoSuchJobError: There is no such job.
    """
    job = find_job(connection, job_id)
    stages = connection.execute(
        select(t.stages).where(t.stages.c.job_id == job_id).order_by(t.stages.c.position)
    ).all()
    if job.state not in _OPEN:
        return Why(job_id, job.state, _ended(job))
    versions = {v for link in links.values() for v in _versions(link)}
    connected = bool(links)
    told = [text for stage in stages if (text := _stage(stage, versions, connected=connected))]
    sessions = list(connection.execute(_SESSIONS))
    its = next((one for one in sessions if one.job_id == job_id), None)
    kept_back = job.at_limit or (its is not None and its.waiting)
    asking = [stage for stage in stages if stage.claimable or (kept_back and stage.pending)]
    limit = what_holds_back(connection, job) if asking else ""
    pools = pools_holding_back(connection, job) if asking else {}
    taken = {row.worker_id: row.job_id for row in connection.execute(_RESERVED)}
    lacks = its is not None and list(taken.values()).count(job_id) < its.wanted
    kept = {"limit": limit, "pools": pools, "sessions": taken}
    case = case_of(connection, job, asking, **kept, has_session=its is not None, lacks=lacks)
    workers = reasons_of(case, links)
    if job.state == JobState.PAUSED:
        workers = [one for one in workers if one.working]
        return Why(
            job_id,
            job.state,
            _paused(job, workers),
            told,
            workers,
            held=is_held(job),
            tried_again_at=tried_again_at(job),
        )
    in_work = any(stage.leased for stage in stages)
    stuck = not in_work and not any(one.able for one in workers)
    answer = _answer(job, asking, stages, workers, connected=connected)
    parts = [answer, _awaited(its, first_that_waits(connection), lacks=lacks), limit, _raised(job)]
    return Why(job_id, job.state, " ".join(filter(None, parts)), told, workers, stuck)


_OPEN_SESSION = t.sessions.c.ended_at.is_(None)
_SESSIONS = select(t.sessions).where(_OPEN_SESSION)
_RESERVED = (
    select(t.session_workers.c.worker_id, t.sessions.c.job_id)
    .join(t.sessions, t.sessions.c.id == t.session_workers.c.session_id)
    .where(_OPEN_SESSION)
)


def _awaited(session: Row[Any] | None, first: Row[Any] | None, *, lacks: bool) -> str:
    """What the job's session keeps it from, and which one is served before it."""
    if session is None or first is None:
        return ""
    others = f"job {first.job_id}, which waits for {first.wanted:,} together"
    if not session.waiting:
        return f"Workers that are free may be kept for {others}." if lacks else ""
    behind = "" if first.job_id == session.job_id else f"Before it comes {others}. "
    return (
        f"It waits until the {session.wanted:,} workers it asked for can work for it together. "
        f"{behind}`framefarm session release {session.job_id} --all` lets it begin with whoever is "
        "there."
    )


def _raised(job: Row[Any]) -> str:
    """How far its deadline has put a job before others."""
    if not job.raised:
        return ""
    at = (iso(job.deadline_at) or "")[:16].replace("T", " ")
    return (
        f"It would miss its deadline, {at} UTC, and so has priority "
        f"{job.priority + job.raised} instead of {job.priority} until it is in time."
    )


_OPEN = {JobState.QUEUED, JobState.RUNNING, JobState.PAUSED}


def _ended(job: Row[Any]) -> str:
    if job.state == JobState.DONE:
        return f"Job {job.id} is done; nothing of it is left to do."
    return (
        f"Job {job.id} is {job.state}. {job.message} "
        f"`framefarm retry {job.id}` puts what is missing back to work."
    )


def _stage(stage: Row[Any], versions: set[str], *, connected: bool) -> str | None:
    """What holds up a stage."""
    if stage.state == StageState.DONE:
        return None
    counts = f"{stage.kind}: {stage.done:,} of {stage.total:,} done, {stage.leased:,} in work"
    if _lacks_blender(stage) and not connected:
        return f"{counts}. The file asks for Blender {stage.wanted_blender}"
    if _lacks_blender(stage):
        there = ", ".join(sorted(versions)) or "none"
        return (
            f"{counts}. The file asks for Blender {stage.wanted_blender}, and no connected worker "
            f"has one that reads it (there: {there}); start a worker that has, or run "
            f"`framefarm blender install {stage.wanted_blender}` on one"
        )
    if stage.pending:
        return f"{counts}, {stage.pending:,} wait for a slot"
    if stage.leased:
        return f"{counts}; nothing of it waits for a slot"
    return f"{counts}; it waits for what the stage before it makes"


def _paused(job: Row[Any], workers: Sequence[WorkerReason]) -> str:
    ending = f" {_workers(len(workers))} on what was handed out before." if workers else ""
    if job.message:
        return f"Job {job.id} is paused. {job.message}{ending}"
    return f"Job {job.id} is paused; `framefarm resume {job.id}` lets it go on.{ending}"


def _answer(
    job: Row[Any],
    asking: Sequence[Row[Any]],
    stages: Sequence[Row[Any]],
    workers: Sequence[WorkerReason],
    *,
    connected: bool,
) -> str:
    on_it = sum(one.working for one in workers)
    if not connected:
        return _nobody(job, workers)
    if any(_lacks_blender(stage) for stage in stages):
        return f"Job {job.id} waits for a worker with a Blender that reads its file."
    if not asking:
        return f"Nothing of job {job.id} waits for a slot; {_workers(on_it)} on the rest of it."
    free = sum(not one.reasons and not one.working for one in workers)
    if free:
        return f"{_workers(on_it)} on job {job.id}; {free} more may take it up at any moment."
    if on_it:
        all_of_them = on_it == len(workers) and not any(one.reasons for one in workers)
        others = "It has them all." if all_of_them else "Below is why not more of them do."
        return f"{_workers(on_it)} on job {job.id}. {others}"
    return f"No worker works on job {job.id}. Below is why, worker by worker."


def _nobody(job: Row[Any], workers: Sequence[WorkerReason]) -> str:
    if not workers:
        return "No worker has ever joined; start one with `framefarm worker`."
    return (
        f"No worker is connected, so nobody works on job {job.id}. Start one of those below on its "
        "machine, or another one with `framefarm worker`."
    )


def _lacks_blender(stage: Row[Any]) -> bool:
    return bool(stage.wanted_blender and not stage.blender)


def _workers(count: int) -> str:
    return "1 worker works" if count == 1 else f"{count} workers work"


def _versions(link: Link) -> set[str]:
    return {version for slot in link.slots.values() for version in slot.ability.blenders}
