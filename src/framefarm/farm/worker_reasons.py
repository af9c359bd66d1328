"""Where each worker stands with a job: the exact reason why it does not work on it, or not more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from framefarm.core.elapsed import ago
from framefarm.core.requirements import Ability, Pool, Requirements, requirements_of, unmet
from framefarm.core.states import WorkerState
from framefarm.db import Prepared, database_now
from framefarm.db import tables as t
from framefarm.farm.limits import slots_of_owner
from framefarm.farm.roster import Link, Slot, ability_of
from framefarm.farm.worker_states import shown_state
from framefarm.protocol.messages import SlotOffer


@dataclass(frozen=True)
class WorkerReason:
    """Where one worker stands with a job.

    Attributes:
        working: Whether a slot of it works on the job.
        able: Whether it will work on it some time, as things are: it is there, may work, and
            suits the job.
        reasons: Why no (other) slot of it does, each with what would change it; empty when nothing
            stands in the way.
    """

    worker: str
    state: str
    working: bool
    able: bool
    reasons: list[str]


@dataclass(frozen=True)
class Case:
    """A job whose workers are looked at.

    Attributes:
        asking: Its stages that have units for a slot.
        asked: What each of these asks of a slot.
        limit: The limit that keeps it from more slots; empty when none does.
        pools: The same for slots of some pools only, by pool.
        sessions: The session's job of each worker that is in one.
        has_session: Whether the job has a session, so that only its workers work for it.
        lacks: Whether that has fewer than it wants.
        now: The database's time.
        quarantines: Those there are, by the worker's id.
        others: Jobs that were looked up, by their ids; None for one that is gone.
        owned: The slots that work for an owner, where they were counted.
    """

    connection: Connection
    job: Row[Any]
    asking: Sequence[Row[Any]]
    asked: Sequence[Requirements]
    now: float
    quarantines: Mapping[str, Sequence[Row[Any]]]
    limit: str = ""
    pools: Mapping[str, str] = field(default_factory=dict)
    sessions: Mapping[str, int] = field(default_factory=dict)
    has_session: bool = False
    lacks: bool = False
    others: dict[int, Row[Any] | None] = field(default_factory=dict)
    owned: dict[str, int] = field(default_factory=dict)


def case_of(connection: Connection, job: Row[Any], asking: Sequence[Row[Any]], **kept: Any) -> Case:
    """A job whose workers are looked at, with all that is read once for all of them.

    Args:
        kept: What keeps workers from it; see `Case`.
    """
    quarantines: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(select(t.quarantines)) if asking else ():
        quarantines[row.worker_id].append(row)
    # Whether that has to be in a session is told apart.
    asked = [requirements_of(stage.queue).of_anybody for stage in asking]
    return Case(connection, job, asking, asked, database_now(connection), quarantines, **kept)


def reasons_of(case: Case, links: Mapping[str, Link]) -> list[WorkerReason]:
    """Every worker that is not revoked, those that work on the job first.

    Args:
        case: The job.
        links: The connected workers, by id.
    """
    rows = _WORKERS.rows(case.connection)
    found = [_worker(worker, links.get(worker.id), case) for worker in rows]
    return sorted(found, key=lambda one: (not one.working, bool(one.reasons)))


_W = t.workers.c
_WORKERS = Prepared(
    select(_W.id, _W.name, _W.state, _W.reason, _W.pool, _W.tags, _W.slots, _W.last_seen_at)
    .where(_W.revoked_at.is_(None))
    .order_by(_W.name)
)


def _worker(worker: Any, link: Link | None, case: Case) -> WorkerReason:
    working = link is not None and any(
        slot.work is not None and slot.work.job_id == case.job.id for slot in link.slots.values()
    )
    away = _away(worker, link, case)
    lacking = _lacking(worker, case) if case.asking else []
    able = bool(case.asking) and not away and not lacking
    reasons = [*away, *_resting(link), *lacking]
    if case.asking and not lacking:
        reasons += [*_barred(worker, case), *_elsewhere(worker, case)]
    if link is not None and able and not reasons:
        reasons += _limited(worker, case) or _occupied(link, case)
    state = shown_state(
        worker.state,
        connected=link is not None,
        working=link is not None and any(slot.work for slot in link.slots.values()),
    )
    return WorkerReason(worker.name, state, working, able, reasons)


_AT_ITS_LIMIT = "it could do it, but the limit above is reached"


def _limited(worker: Any, case: Case) -> list[str]:
    if case.limit:
        return [_AT_ITS_LIMIT]
    return [case.pools[worker.pool]] if worker.pool in case.pools else []


def _away(worker: Any, link: Link | None, case: Case) -> list[str]:
    """Why a worker takes no work at all."""
    if worker.state == WorkerState.DISABLED:
        return [f"it is disabled{_because(worker)}; `framefarm workers enable {worker.name}`"]
    if worker.state == WorkerState.DRAINING:
        ends = "it ends what it has and takes no more"
        return [
            f"it is draining{_because(worker)}: {ends}; `framefarm workers enable {worker.name}`"
        ]
    if link is None:
        silent = ago(case.now - worker.last_seen_at)
        return [f"it is not connected, last seen {silent} ago; start it there"]
    return []


def _resting(link: Link | None) -> list[str]:
    if link is None or not link.facts.resting:
        return []
    return [f"it asks for no work just now: {link.facts.resting}"]


def _because(worker: Any) -> str:
    return f" ({worker.reason})" if worker.reason else ""


def _lacking(worker: Any, case: Case) -> list[str]:
    """What the slot that comes nearest lacks for the stage that it comes nearest to."""
    abilities = _abilities(worker)
    if not abilities:
        return ["it offers no slot"]
    found = [unmet(one, ability) for one in case.asked for ability in abilities]
    fewest = min(map(len, found))
    return list(next(reasons for reasons in found if len(reasons) == fewest))


def _abilities(worker: Any) -> list[Ability]:
    """What its slots can do, as it said when it was last here."""
    offers = msgspec.convert(worker.slots, tuple[SlotOffer, ...])
    pool, tags = Pool(worker.pool), frozenset(worker.tags)
    return [ability_of(offer, pool, tags) for offer in offers]


def _barred(worker: Any, case: Case) -> list[str]:
    """What a worker that could do it is not trusted with (L9)."""
    kinds = {(asked.kind, asked.blender) for asked in case.asked}
    return [
        f"it is quarantined for {row.kind}{' with Blender ' + row.blender if row.blender else ''}: "
        f"{row.reason} It is tried again in {_minutes(row.until_at - case.now)} min, or now by "
        f"`framefarm workers enable {worker.name}`"
        for row in case.quarantines.get(worker.id, ())
        if (row.kind, row.blender) in kinds
    ]


def _elsewhere(worker: Any, case: Case) -> list[str]:
    """Why sessions keep a worker from the job: those of others, or its own."""
    job, its = case.job.id, case.sessions.get(worker.id)
    if its == job:
        return []
    if its is not None:
        lets_go = f"`framefarm session release {its} {worker.name}` lets it go"
        return [f"it is in the session of job {its}, which comes first there; {lets_go}"]
    if case.lacks:
        return [
            "it is not in the job's session yet, which lacks workers; it is taken in when it may"
        ]
    if case.has_session:
        one_more = f"`framefarm session more {job} 1` asks for one more"
        return [f"it is not in the job's session, whose workers alone do it; {one_more}"]
    return []


def _minutes(seconds: float) -> str:
    return f"{max(0.0, seconds) / 60:.0f}"


def _occupied(link: Link, case: Case) -> list[str]:
    """What slots that could do it do instead."""
    able = [s for s in link.slots.values() if any(s.ability.suits(one) for one in case.asked)]
    if any(slot.work is None for slot in able):
        return _hesitant(link, case)
    others = _other_jobs(case, able)
    return [
        f"slot {name} works on job {other.id} (priority {other.priority}, this job has "
        f"{case.job.priority}); `framefarm priority {case.job.id} {min(100, other.priority + 1)}` "
        "would put this job before it" + _turn(case, other)
        for name, other in others
    ]


def _turn(case: Case, other: Row[Any]) -> str:
    """When the next slot comes without that, where two owners share one priority (L12)."""
    if other.priority != case.job.priority or other.owner == case.job.owner:
        return ""
    theirs, own = (_slots_of(case, owner) for owner in (other.owner, case.job.owner))
    if own >= theirs:
        return ""
    mine, whose = case.job.owner or "nobody", other.owner or "nobody"
    return f"; the next slot that is free is {mine}'s, who has {own:,} to {theirs:,} of {whose}"


def _slots_of(case: Case, owner: str) -> int:
    if owner not in case.owned:
        case.owned[owner] = slots_of_owner(case.connection, owner)
    return case.owned[owner]


def _hesitant(link: Link, case: Case) -> list[str]:
    if all(stage.id in link.resting for stage in case.asking):
        return ["it failed units of this job just now and rests from it for some seconds"]
    if all(_failed_here(case, link, stage) == stage.pending for stage in case.asking):
        return ["it has failed all that is left; other workers are to try it first"]
    return []


def _failed_here(case: Case, link: Link, stage: Row[Any]) -> int:
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


def _other_jobs(case: Case, slots: Iterable[Slot]) -> list[tuple[str, Row[Any]]]:
    found = []
    for slot in slots:
        if slot.work is None or slot.work.job_id == case.job.id:
            continue
        other = _other_job(case, slot.work.job_id)
        if other is not None:
            found.append((slot.offer.slot, other))
    return found


def _other_job(case: Case, job_id: int) -> Row[Any] | None:
    if job_id not in case.others:
        query = select(t.jobs).where(t.jobs.c.id == job_id)
        case.others[job_id] = case.connection.execute(query).one_or_none()
    return case.others[job_id]
