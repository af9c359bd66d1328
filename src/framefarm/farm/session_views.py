"""Sessions as people see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, select

from framefarm.db import tables as t
from framefarm.farm.roster import Link
from framefarm.farm.sessions import NoSuchSessionError
from framefarm.farm.views import iso
from framefarm.farm.worker_states import shown_state

LinkOf = Callable[[str], Link | None]
Notice = Literal["SUFFICIENT", "NOT_SUFFICIENT"]


@dataclass(frozen=True)
class SessionWorker:
    """A worker of a session.

    Attributes:
        working: Whether it works on the session's job just now.
        has_files: Whether it has said that it holds the job's files.
    """

    id: str
    name: str
    state: str
    joined_at: str
    working: bool
    has_files: bool


@dataclass(frozen=True)
class SessionView:
    """The workers that a job asked for, and those it has.

    Attributes:
        status: `waiting` (nothing of the job is given out before it has all), `working` or `ended`.
        message: The same for people.
        workers: The ids of those it has.
        notice: Whether those are as many as it wants.
        wanted: How many it asked for in all.
        prefetch: Whether who joins gets the job's files at once.
        members: Those it has, with what is known of each.
    """

    id: int
    job: int
    owner: str
    status: Literal["waiting", "working", "ended"]
    message: str
    workers: list[str]
    notice: Notice
    wanted: int
    prefetch: bool
    members: list[SessionWorker]
    created_at: str
    ended_at: str | None


@dataclass(frozen=True)
class SessionList:
    """Some sessions, newest first; `next` is the cursor of the page after them."""

    sessions: list[SessionView]
    next: int | None


@dataclass(frozen=True)
class SessionFilter:
    """Which sessions are meant: those that match everything given.

    Attributes:
        job: Of this job.
        owner: Of this person's jobs.
        ended: Whether they have ended.
    """

    job: int | None = None
    owner: str | None = None
    ended: bool | None = None


def session_page(
    connection: Connection,
    links: LinkOf,
    wanted: SessionFilter,
    *,
    before: int | None,
    limit: int,
) -> SessionList:
    """Some sessions, newest first.

    Args:
        links: The connection of a worker, by its id.
        before: Only those with a lower number.
    """
    query = _SESSIONS.order_by(t.sessions.c.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(t.sessions.c.id < before)
    if wanted.job is not None:
        query = query.where(t.sessions.c.job_id == wanted.job)
    if wanted.owner is not None:
        query = query.where(t.jobs.c.owner == wanted.owner)
    if wanted.ended is not None:
        ended = t.sessions.c.ended_at.is_not(None)
        query = query.where(ended if wanted.ended else ~ended)
    rows = connection.execute(query).all()
    shown = rows[:limit]
    views = [_view(connection, row, links) for row in shown]
    return SessionList(views, shown[-1].id if len(rows) > limit else None)


def session_view(connection: Connection, links: LinkOf, session_id: int) -> SessionView:
    """One session.

    Raises:
        NoSuchSessionError: There is no such session.
    """
    row = connection.execute(_SESSIONS.where(t.sessions.c.id == session_id)).one_or_none()
    if row is None:
        raise NoSuchSessionError(session_id)
    return _view(connection, row, links)


_SESSIONS = select(t.sessions, t.jobs.c.owner).join(t.jobs, t.jobs.c.id == t.sessions.c.job_id)


def _view(connection: Connection, row: Row[Any], links: LinkOf) -> SessionView:
    members = list(_members(connection, row, links))
    enough = row.ended_at is not None or len(members) >= row.wanted
    return SessionView(
        id=row.id,
        job=row.job_id,
        owner=row.owner,
        status=_status(row),
        message=_message(connection, row, members),
        workers=[one.id for one in members],
        notice="SUFFICIENT" if enough else "NOT_SUFFICIENT",
        wanted=row.wanted,
        prefetch=row.prefetch,
        members=members,
        created_at=iso(row.created_at) or "",
        ended_at=iso(row.ended_at),
    )


def _members(connection: Connection, session: Row[Any], links: LinkOf) -> Iterator[SessionWorker]:
    m = t.session_workers.c
    rows = connection.execute(
        select(t.session_workers, t.workers.c.name, t.workers.c.state)
        .join(t.workers, t.workers.c.id == m.worker_id)
        .where(m.session_id == session.id)
        .order_by(m.joined_at, m.worker_id)
    )
    for row in rows:
        link = links(row.worker_id)
        jobs = {s.work.job_id for s in link.slots.values() if s.work} if link else set()
        state = shown_state(row.state, connected=link is not None, working=bool(jobs))
        joined_at = iso(row.joined_at) or ""
        working = session.job_id in jobs
        yield SessionWorker(row.worker_id, row.name, state, joined_at, working, row.has_files)


def _status(row: Row[Any]) -> Literal["waiting", "working", "ended"]:
    if row.ended_at is not None:
        return "ended"
    return "waiting" if row.waiting else "working"


def _message(connection: Connection, row: Row[Any], members: Sequence[SessionWorker]) -> str:
    if row.ended_at is not None:
        return f"The session of job {row.job_id} has ended: {row.reason}."
    asked = "the one worker" if row.wanted == 1 else f"the {row.wanted:,} workers"
    if row.waiting:
        return (
            f"Job {row.job_id} waits until {asked} it asked for can work for it together; nothing "
            "of it is given out before."
        )
    if len(members) >= row.wanted:
        return f"Job {row.job_id} has {asked} it asked for."
    first = first_that_waits(connection)
    before = "."
    if first is not None:
        before = (
            f", unless they are kept for job {first.job_id}, which waits for {first.wanted:,} "
            "together."
        )
    return (
        f"Job {row.job_id} has {len(members):,} of {asked} it asked for; others join it as they "
        f"come or are freed{before}"
    )


def first_that_waits(connection: Connection) -> Row[Any] | None:
    """The job, and how many workers it asked for, for which free ones are kept; None for no job."""
    return connection.execute(_FIRST_THAT_WAITS).one_or_none()


_FIRST_THAT_WAITS: Select[Any] = (
    select(t.sessions.c.job_id, t.sessions.c.wanted)
    .join(t.jobs, t.jobs.c.id == t.sessions.c.job_id)
    .where(t.sessions.c.ended_at.is_(None), t.sessions.c.waiting)
    .order_by((t.jobs.c.priority + t.jobs.c.raised).desc(), t.sessions.c.id)
    .limit(1)
)
