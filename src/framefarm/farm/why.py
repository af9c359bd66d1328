"""Why a job is not running, or not on more workers: the exact reason for each (`framefarm why`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from framefarm.core.requirements import Ability, Pool, Requirements, requirements_of, unmet
from framefarm.core.states import JobState, StageState, WorkerState
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.roster import Link, Slot, ability_of
from framefarm.farm.steering import find_job
from framefarm.farm.worker_states import shown_state
from framefarm.protocol.messages import SlotOffer


@dataclass(frozen=True)
class WorkerReason:
    """Where one worker stands with a job.

    Attributes:
        working: Whether a slot of it works on the job.
        reasons: Why no (other) slot of it does, each with what would change it; empty when nothing
            stands in the way.
    """

    worker: str
    state: str
    working: bool
    reasons: list[str]


@dataclass(frozen=True)
class Why:
    """Why a job is not running, or not on more workers.

    Attributes:
        answer: The job as a whole, in a sentence or two.
        stages: What holds up each stage that has units left.
        workers: One for each worker, those that work on it first.
    """

    job: int
    state: str
    answer: str
    stages: list[str] = field(default_factory=list)
    workers: list[WorkerReason] = field(default_factory=list)


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
    told = [text for stage in stages if (text := _stage(stage, versions))]
    asking = [stage for stage in stages if stage.claimable]
    workers = [
        _worker(worker, links.get(worker.id), _Case(connection, job, asking))
        for worker in connection.execute(
            select(t.workers).where(t.workers.c.revoked_at.is_(None)).order_by(t.workers.c.name)
        )
    ]
    workers.sort(key=lambda one: (not one.working, bool(one.reasons)))
    return Why(job_id, job.state, _answer(job, asking, workers), told, workers)


_OPEN = {JobState.QUEUED, JobState.RUNNING, JobState.PAUSED}


def _ended(job: Row[Any]) -> str:
    if job.state == JobState.DONE:
        return f"Job {job.id} is done; nothing of it is left to do."
    return (
        f"Job {job.id} is {job.state}. {job.message} "
        f"`framefarm retry {job.id}` puts what is missing back to work."
    )


def _stage(stage: Row[Any], versions: set[str]) -> str | None:
    """What holds up a stage."""
    if stage.state == StageState.DONE:
        return None
    counts = f"{stage.kind}: {stage.done:,} of {stage.total:,} done, {stage.leased:,} in work"
    if stage.wanted_blender and not stage.blender:
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


def _answer(job: Row[Any], asking: Sequence[Row[Any]], workers: Sequence[WorkerReason]) -> str:
    on_it = sum(one.working for one in workers)
    if job.state == JobState.PAUSED:
        return f"Job {job.id} is paused; `framefarm resume {job.id}` lets it go on."
    if not workers:
        return "No worker has ever joined; start one with `framefarm worker`."
    if not asking:
        return f"Nothing of job {job.id} waits for a slot; {_workers(on_it)} on the rest of it."
    free = sum(not one.reasons and not one.working for one in workers)
    if free:
        return f"{_workers(on_it)} on job {job.id}; {free} more may take it up at any moment."
    if on_it:
        others = "Below is why the others do not." if on_it < len(workers) else "It has them all."
        return f"{_workers(on_it)} on job {job.id}. {others}"
    return f"No worker works on job {job.id}. Below is why, worker by worker."


def _workers(count: int) -> str:
    return "1 worker works" if count == 1 else f"{count} workers work"


@dataclass(frozen=True)
class _Case:
    """A job whose workers are looked at. `asking`: its stages that have units for a slot."""

    connection: Connection
    job: Row[Any]
    asking: Sequence[Row[Any]]


def _worker(worker: Row[Any], link: Link | None, case: _Case) -> WorkerReason:
    working = link is not None and any(
        slot.work is not None and slot.work.job_id == case.job.id for slot in link.slots.values()
    )
    reasons = _away(worker, link)
    if case.job.state == JobState.PAUSED:
        reasons = []
    elif case.asking:
        lacking = _lacking(worker, case)
        reasons += lacking or _barred(worker, case)
        if link is not None and not reasons:
            reasons += _occupied(link, case)
    state = shown_state(
        worker.state,
        connected=link is not None,
        working=link is not None and any(slot.work for slot in link.slots.values()),
    )
    return WorkerReason(worker.name, state, working, reasons)


def _away(worker: Row[Any], link: Link | None) -> list[str]:
    """Why a worker takes no work at all."""
    if worker.state == WorkerState.DISABLED:
        return [f"it is disabled{_because(worker)}; `framefarm workers enable {worker.name}`"]
    if worker.state == WorkerState.DRAINING:
        ends = "it ends what it has and takes no more"
        return [
            f"it is draining{_because(worker)}: {ends}; `framefarm workers enable {worker.name}`"
        ]
    if link is None:
        seen = datetime.fromtimestamp(worker.last_seen_at, UTC).isoformat(" ", "minutes")
        return [f"it is not connected, last seen {seen[:16]} UTC; start it there"]
    if link.facts.resting:
        return [f"it asks for no work just now: {link.facts.resting}"]
    return []


def _because(worker: Row[Any]) -> str:
    return f" ({worker.reason})" if worker.reason else ""


def _lacking(worker: Row[Any], case: _Case) -> list[str]:
    """What the slot that comes nearest lacks for the stage that it comes nearest to."""
    abilities = _abilities(worker)
    if not abilities:
        return ["it offers no slot"]
    asked = [requirements_of(stage.queue) for stage in case.asking]
    found = [unmet(one, ability) for one in asked for ability in abilities]
    fewest = min(map(len, found))
    return list(next(reasons for reasons in found if len(reasons) == fewest))


def _abilities(worker: Row[Any]) -> list[Ability]:
    """What its slots can do, as it said when it was last here."""
    offers = msgspec.convert(worker.slots, tuple[SlotOffer, ...])
    pool, tags = Pool(worker.pool), frozenset(worker.tags)
    return [ability_of(offer, pool, tags) for offer in offers]


def _barred(worker: Row[Any], case: _Case) -> list[str]:
    """What a worker that could do it is not trusted with (L9)."""
    now = database_now(case.connection)
    kinds = {(asked.kind, asked.blender) for asked in map(_asked, case.asking)}
    rows = case.connection.execute(
        select(t.quarantines).where(t.quarantines.c.worker_id == worker.id)
    )
    return [
        f"it is quarantined for {row.kind}{' with Blender ' + row.blender if row.blender else ''}: "
        f"{row.reason} It is tried again in {max(0, row.until_at - now) / 60:.0f} min, or now by "
        f"`framefarm workers enable {worker.name}`"
        for row in rows
        if (row.kind, row.blender) in kinds
    ]


def _asked(stage: Row[Any]) -> Requirements:
    return requirements_of(stage.queue)


def _occupied(link: Link, case: _Case) -> list[str]:
    """What slots that could do it do instead."""
    asked = [_asked(stage) for stage in case.asking]
    able = [s for s in link.slots.values() if any(s.ability.suits(one) for one in asked)]
    if any(slot.work is None for slot in able):
        return _hesitant(link, case)
    others = _other_jobs(case, able)
    return [
        f"slot {name} works on job {other.id} (priority {other.priority}, this job has "
        f"{case.job.priority}); `framefarm priority {case.job.id} {min(100, other.priority + 1)}` "
        "would put this job before it"
        for name, other in others
    ]


def _hesitant(link: Link, case: _Case) -> list[str]:
    if all(stage.id in link.resting for stage in case.asking):
        return ["it failed units of this job just now and rests from it for some seconds"]
    if all(_failed_here(case, link, stage) == stage.pending for stage in case.asking):
        return ["it has failed all that is left; other workers are to try it first"]
    return []


def _failed_here(case: _Case, link: Link, stage: Row[Any]) -> int:
    units = case.connection.execute(
        select(t.faults.c.unit)
        .where(
            t.faults.c.stage_id == stage.id,
            t.faults.c.worker_id == link.worker_id,
            t.faults.c.reason != "lost",
            ~t.faults.c.forgiven,
        )
        .distinct()
    )
    return len(units.all())


def _other_jobs(case: _Case, slots: Iterable[Slot]) -> list[tuple[str, Row[Any]]]:
    found = []
    for slot in slots:
        if slot.work is None or slot.work.job_id == case.job.id:
            continue
        other = case.connection.execute(
            select(t.jobs).where(t.jobs.c.id == slot.work.job_id)
        ).one_or_none()
        if other is not None:
            found.append((slot.offer.slot, other))
    return found


def _versions(link: Link) -> set[str]:
    return {version for slot in link.slots.values() for version in slot.ability.blenders}
