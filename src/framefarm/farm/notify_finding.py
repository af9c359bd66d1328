"""Finding what there is to tell, from what the database knows anyway.

Nothing is written when a job ends but its end, so telling costs the farm nothing while it works,
and a manager that is killed finds after its start what it did not tell. What was told, or is to be,
is a row for each target and occurrence, and there is never a second one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, or_, select

from framefarm.core.accounts import UserRole
from framefarm.core.notices import (
    FLAPS_S,
    JOB_EVENTS,
    MAY_HEAR,
    QUOTA_EVENTS,
    Event,
    Notice,
    hears_of_all,
)
from framefarm.core.states import JobState, WorkerState
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.holding import HELD
from framefarm.farm.notify_quotas import quota_occurrences
from framefarm.farm.occurrences import Occurrence

_AGAIN_S = 120.0
"""What ended so long before the last look is looked at again: it may have been committed since."""

_LONGEST_BACK_S = 7 * 86_400.0
_KEPT_S = 30 * 86_400.0
_AT_A_TIME = 400
_DISK_LOW = "disk_low_since"
_EVENTS = {JobState.DONE: Event.JOB_DONE, JobState.FAILED: Event.JOB_FAILED}


@dataclass(frozen=True)
class Disk:
    """Room for the farm's files.

    Attributes:
        low_bytes: Below this nothing more is taken in; well above it the disk is no longer low.
    """

    free_bytes: int
    low_bytes: int

    @property
    def low(self) -> bool:
        """Whether there is too little."""
        return self.free_bytes < self.low_bytes

    @property
    def well(self) -> bool:
        """Whether there is enough not to be too little in the next moment."""
        return self.free_bytes >= 1.25 * self.low_bytes


@dataclass(frozen=True)
class Found:
    """An occurrence that a target is to be told of.

    Attributes:
        muted: It happened to the same worker a moment ago, and was told then.
    """

    target_id: int
    occurrence: Occurrence
    muted: bool


def find(connection: Connection, ended: Collection[int], disk: Disk) -> list[Found]:
    """What is to be told and is not noted yet.

    Args:
        ended: Jobs that ended, whenever that was; others are found by when they did.
    """
    listeners = connection.execute(_listeners()).all()
    if not listeners:
        return []
    now = database_now(connection)
    since = _since(connection, listeners, now)
    occurrences = [
        *_jobs(connection, since, ended),
        *_held(connection, since),
        *_lost(connection, since),
        *_quarantined(connection, since),
        *_disk(connection, disk),
        *quota_occurrences(connection, since),
    ]
    wanted = [
        (listener.id, occurrence)
        for occurrence in occurrences
        for listener in listeners
        if _wants(listener, occurrence)
    ]
    return list(_new(connection, wanted, now))


def note(connection: Connection, found: Sequence[Found]) -> None:
    """Note what is to be told."""
    now = database_now(connection)
    there = set(connection.execute(select(t.notify_targets.c.id)).scalars())
    rows = [_row(one, now) for one in found if one.target_id in there]
    if rows:
        connection.execute(insert(t.notifications), rows)


def note_disk(connection: Connection, disk: Disk) -> None:
    """Note since when the disk is low, or that it no longer is."""
    known = _low_since(connection)
    if disk.low and known is None:
        now = database_now(connection)
        connection.execute(insert(t.meta).values(name=_DISK_LOW, value=repr(now)))
    elif disk.well and known is not None:
        connection.execute(delete(t.meta).where(t.meta.c.name == _DISK_LOW))


def disk_changed(connection: Connection, disk: Disk) -> bool:
    """Whether there is something to note of the disk."""
    known = _low_since(connection)
    return (disk.low and known is None) or (disk.well and known is not None)


def forget_old(connection: Connection) -> None:
    """Forget what was told long ago."""
    old = t.notifications.c.made_at < database_now(connection) - _KEPT_S
    connection.execute(delete(t.notifications).where(old, t.notifications.c.state != "waiting"))


def anyone(connection: Connection) -> bool:
    """Whether anybody is told anything."""
    return connection.execute(select(t.notify_targets.c.id).limit(1)).first() is not None


# --- who ----------------------------------------------------------------------------------------


def _listeners() -> Select[Any]:
    n, u = t.notify_targets.c, t.users.c
    return (
        select(n.id, n.tells, n.all_jobs, n.since_at, n.user_id, u.name, u.role)
        .select_from(t.notify_targets.outerjoin(t.users, u.id == n.user_id))
        .where(n.fault == "", or_(n.user_id.is_(None), ~u.disabled))
    )


def _wants(listener: Row[Any], occurrence: Occurrence) -> bool:
    """Whether a target is to be told: by its choice, and by what its owner may hear now."""
    event = occurrence.notice.event
    role = UserRole.ADMIN if listener.user_id is None else UserRole(listener.role)
    if event not in listener.tells or event not in MAY_HEAR[role]:
        return False
    if occurrence.notice.happened_at < listener.since_at:
        return False
    of_all = event not in JOB_EVENTS | QUOTA_EVENTS or listener.all_jobs
    if of_all and hears_of_all(event, role):
        return True
    return bool(occurrence.owner == (listener.name or ""))


def _since(connection: Connection, listeners: Sequence[Row[Any]], now: float) -> float:
    """From when on to look: what was there at the last look is noted."""
    n = t.notifications.c
    # A test is made whenever somebody asks for it, also before the first look after a start.
    looked_at = connection.execute(
        select(n.made_at).where(n.event != Event.TEST).order_by(n.made_at.desc()).limit(1)
    ).scalar()
    first: float = min(listener.since_at for listener in listeners)
    since = first if looked_at is None else max(first, min(looked_at, now) - _AGAIN_S)
    return max(since, now - _LONGEST_BACK_S)


# --- what ---------------------------------------------------------------------------------------


def _jobs(connection: Connection, since: float, ended: Collection[int]) -> Iterator[Occurrence]:
    j, s = t.jobs.c, t.stages.c
    query = (
        select(
            *(j.id, j.name, j.owner, j.state, j.message, j.started_at, j.finished_at),
            *(s.done, s.total),
        )
        .join(t.stages, (s.job_id == j.id) & (s.position == 0))
        .where(j.state.in_(list(_EVENTS)))
    )
    for row in connection.execute(query.where(j.finished_at >= since)):
        yield _ended(row)
    for some in _pieces(sorted(ended)):
        late = query.where(j.id.in_(some), j.finished_at < since)
        for row in connection.execute(late):
            yield _ended(row)


def _ended(row: Any) -> Occurrence:
    took_s = None if row.started_at is None else max(0.0, row.finished_at - row.started_at)
    facts = {**_facts(row), "seconds": took_s}
    notice = Notice(_EVENTS[JobState(row.state)], facts, row.finished_at)
    key = f"job:{row.id}:{row.state}:{row.finished_at!r}"
    return Occurrence(key, f"job:{row.id}", notice, row.owner)


def _held(connection: Connection, since: float) -> Iterator[Occurrence]:
    """Jobs that are held (L9): each time that is tried and fails moves the time, not the reason."""
    j, s = t.jobs.c, t.stages.c
    rows = connection.execute(
        select(j.id, j.name, j.owner, j.message, j.held_at, s.done, s.total)
        .join(t.stages, (s.job_id == j.id) & (s.position == 0))
        .where(HELD, j.held_at >= since)
    )
    for row in rows:
        why = hashlib.sha256(row.message.encode()).hexdigest()[:16]
        notice = Notice(Event.JOB_HELD, _facts(row), row.held_at)
        yield Occurrence(f"job:{row.id}:held:{why}", f"job:{row.id}", notice, row.owner)


def _facts(job: Any) -> dict[str, Any]:
    return {
        "job": job.id,
        "name": job.name,
        "owner": job.owner,
        "message": job.message,
        "done": job.done,
        "total": job.total,
    }


def _lost(connection: Connection, since: float) -> Iterator[Occurrence]:
    w = t.workers.c
    rows = connection.execute(
        select(w.id, w.name, w.lost_at).where(
            w.state == WorkerState.LOST, w.lost_at >= since, w.revoked_at.is_(None)
        )
    )
    for row in rows:
        facts = {"worker": row.name, "id": row.id, "reason": "It went without a goodbye."}
        notice = Notice(Event.WORKER_LOST, facts, row.lost_at)
        yield Occurrence(f"worker:{row.id}:lost:{row.lost_at!r}", f"worker:{row.id}", notice)


def _quarantined(connection: Connection, since: float) -> Iterator[Occurrence]:
    q, w = t.quarantines.c, t.workers.c
    rows = connection.execute(
        select(q.kind, q.blender, q.reason, q.since_at, w.id, w.name)
        .join(t.workers, w.id == q.worker_id)
        .where(q.since_at >= since)
    )
    for row in rows:
        facts = {"worker": row.name, "id": row.id, "reason": row.reason}
        notice = Notice(Event.WORKER_QUARANTINED, facts, row.since_at)
        key = f"worker:{row.id}:quarantined:{row.kind}:{row.blender}:{row.since_at!r}"
        yield Occurrence(key, f"worker:{row.id}", notice)


def _disk(connection: Connection, disk: Disk) -> Iterator[Occurrence]:
    since = _low_since(connection)
    if since is not None and disk.low:
        facts = {"free_bytes": disk.free_bytes, "low_bytes": disk.low_bytes}
        yield Occurrence(f"disk:{since!r}", "disk", Notice(Event.DISK_LOW, facts, since))


def _low_since(connection: Connection) -> float | None:
    known = connection.execute(
        select(t.meta.c.value).where(t.meta.c.name == _DISK_LOW)
    ).scalar_one_or_none()
    return None if known is None else float(known)


# --- what is new --------------------------------------------------------------------------------


def _new(
    connection: Connection, wanted: Sequence[tuple[int, Occurrence]], now: float
) -> Iterator[Found]:
    known = _known(connection, [occurrence.key for _, occurrence in wanted])
    told: set[tuple[int, str, str]] = set()
    for target_id, occurrence in wanted:
        if (target_id, occurrence.key) in known:
            continue
        # A job that ends again was put back to work by somebody; a worker needs nobody for that.
        about = (target_id, occurrence.subject, str(occurrence.notice.event))
        muted = occurrence.notice.event not in JOB_EVENTS and (
            about in told or _told_lately(connection, about, now)
        )
        told.add(about)
        yield Found(target_id, occurrence, muted)


def _known(connection: Connection, keys: Iterable[str]) -> set[tuple[int, str]]:
    n = t.notifications.c
    known: set[tuple[int, str]] = set()
    for some in _pieces(sorted(set(keys))):
        rows = connection.execute(select(n.target_id, n.occurrence).where(n.occurrence.in_(some)))
        known.update((row.target_id, row.occurrence) for row in rows)
    return known


def _told_lately(connection: Connection, about: tuple[int, str, str], now: float) -> bool:
    n, (target_id, subject, event) = t.notifications.c, about
    lately = select(n.id).where(
        n.target_id == target_id,
        n.subject == subject,
        n.event == event,
        n.made_at > now - FLAPS_S,
        n.state != "muted",
    )
    return connection.execute(lately.limit(1)).first() is not None


def _row(found: Found, now: float) -> dict[str, Any]:
    occurrence, notice = found.occurrence, found.occurrence.notice
    return {
        "target_id": found.target_id,
        "occurrence": occurrence.key,
        "event": notice.event,
        "subject": occurrence.subject,
        "facts": dict(notice.facts),
        "happened_at": notice.happened_at,
        "made_at": now,
        "state": "muted" if found.muted else "waiting",
        "reason": "The same was told a moment ago." if found.muted else "",
    }


def _pieces(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _AT_A_TIME):
        yield items[start : start + _AT_A_TIME]
