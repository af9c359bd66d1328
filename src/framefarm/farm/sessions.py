"""Sessions: the workers that a job asked for, and that work for no other while it has work.

While a job has a session, the queues of its stages are for the session's workers alone. So a claim
looks at the queues of the job its worker is assigned to, and then at those that are for anybody,
and never at the others' however many there are (ADR 14).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.states import ENDED_JOBS, JobState
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.session_queues import refresh, reserve
from framefarm.farm.steering import find_job

MOST_WORKERS = 100_000


class NoSuchSessionError(FrameFarmError):
    """There is no session with that number."""

    code = "no_such_session"

    def __init__(self, session_id: int) -> None:
        super().__init__(
            f"There is no session {session_id}; `framefarm sessions` lists those there are."
        )
        self.session_id = session_id


class HasSessionError(FrameFarmError):
    """A job has a session already."""

    code = "has_session"

    def __init__(self, job_id: int, session_id: int) -> None:
        super().__init__(
            f"Job {job_id} has session {session_id} already: `framefarm session more {job_id} N` "
            f"asks for more workers, `framefarm session release {job_id} --all` ends it first."
        )
        self.session_id = session_id


class SessionEndedError(FrameFarmError):
    """A session, or the job that asks for one, has ended."""

    code = "session_ended"


class NotInSessionError(FrameFarmError):
    """A worker is not in a session."""

    code = "not_in_session"

    def __init__(self, worker: str, session_id: int) -> None:
        super().__init__(
            f"Worker {worker} is not in session {session_id}; `framefarm sessions` lists who is."
        )


class TooManyAskedError(FrameFarmError):
    """A session asks for more workers than any may."""

    code = "too_many_workers"


def find_session(connection: Connection, session_id: int) -> Row[Any]:
    """A session's row.

    Raises:
        NoSuchSessionError: There is no such session.
    """
    found = connection.execute(
        select(t.sessions).where(t.sessions.c.id == session_id)
    ).one_or_none()
    if found is None:
        raise NoSuchSessionError(session_id)
    return found


def open_session(connection: Connection, session_id: int) -> Row[Any]:
    """The same of one that has not ended.

    Raises:
        NoSuchSessionError: There is no such session.
        SessionEndedError: It has ended.
    """
    session = find_session(connection, session_id)
    if session.ended_at is not None:
        raise SessionEndedError(
            f"Session {session_id} has ended: {session.reason}. Ask for a new one with "
            f"`framefarm session ask {session.job_id} N`."
        )
    return session


def members_of(connection: Connection, session_id: int) -> list[str]:
    """The ids of a session's workers, in the order in which they joined."""
    m = t.session_workers.c
    found = select(m.worker_id).where(m.session_id == session_id)
    return list(connection.execute(found.order_by(m.joined_at, m.worker_id)).scalars())


def check_members(
    connection: Connection, session_id: int, workers: Collection[str]
) -> Sequence[str]:
    """Make sure that workers are in a session; returns all who are.

    Raises:
        NotInSessionError: One is not.
    """
    members = members_of(connection, session_id)
    for worker in workers:
        if worker not in members:
            raise NotInSessionError(worker, session_id)
    return members


# --- asking -------------------------------------------------------------------------------------


def ask(
    connection: Connection, job_id: int, wanted: int, *, waits: bool, prefetch: bool = True
) -> int:
    """Begin a session for a job; who joins it is decided by the next round.

    Args:
        wanted: How many workers.
        waits: Give out nothing of the job before it has all of them.
        prefetch: Let who joins have the job's files at once.

    Returns:
        The session's id.

    Raises:
        NoSuchJobError: There is no such job.
        SessionEndedError: The job has ended.
        HasSessionError: It has a session.
    """
    job = find_job(connection, job_id)
    if JobState(job.state) in ENDED_JOBS:
        raise SessionEndedError(f"Job {job_id} is {job.state}: it needs no workers any more.")
    _forget_ended(connection, job_id)
    session_id = int(
        connection.execute(
            insert(t.sessions)
            .values(
                job_id=job_id,
                wanted=wanted,
                waiting=waits,
                prefetch=prefetch,
                created_at=database_now(connection),
            )
            .returning(t.sessions.c.id)
        ).scalar_one()
    )
    reserve(connection, job_id, for_session=True)
    return session_id


def _forget_ended(connection: Connection, job_id: int) -> None:
    """Make room for a new session of a job.

    Raises:
        HasSessionError: The one that it has is not over.
    """
    earlier = connection.execute(
        select(t.sessions).where(t.sessions.c.job_id == job_id)
    ).one_or_none()
    if earlier is None:
        return
    if earlier.ended_at is None:
        raise HasSessionError(job_id, earlier.id)
    connection.execute(delete(t.sessions).where(t.sessions.c.id == earlier.id))


def ask_for_more(connection: Connection, session_id: int, workers: int) -> None:
    """Let a session have more workers.

    Raises:
        NoSuchSessionError: There is no such session.
        SessionEndedError: It has ended.
        TooManyAskedError: It would ask for more than any may.
    """
    session = open_session(connection, session_id)
    if session.wanted + workers > MOST_WORKERS:
        raise TooManyAskedError(
            f"Session {session_id} asks for {session.wanted:,} workers; it may ask for "
            f"{MOST_WORKERS:,} in all."
        )
    wanted = session.wanted + workers
    connection.execute(_this(session_id).values(wanted=wanted))


def want_files(connection: Connection, session_id: int) -> None:
    """Let all who join a session from now on have the job's files at once.

    Raises:
        NoSuchSessionError: There is no such session.
        SessionEndedError: It has ended.
    """
    open_session(connection, session_id)
    connection.execute(_this(session_id).values(prefetch=True))


# --- giving back --------------------------------------------------------------------------------


def release(connection: Connection, session_id: int, workers: Collection[str]) -> None:
    """Let workers of a session go; it asks for no others in their place, nor for any that it lacks.

    What they have in work they end. Without any left the session is over.

    Args:
        workers: Their ids.

    Raises:
        NoSuchSessionError: There is no such session.
        SessionEndedError: It has ended.
        NotInSessionError: One is not in it.
    """
    open_session(connection, session_id)
    members = check_members(connection, session_id, workers)
    left = len(set(members) - set(workers))
    if not left:
        end(connection, session_id, "its workers were released")
        return
    take_out(connection, workers)
    connection.execute(_this(session_id).values(wanted=left))


def take_out(connection: Connection, workers: Collection[str]) -> None:
    """Take workers out of the sessions that they are in."""
    if workers:
        gone = t.session_workers.c.worker_id.in_(sorted(workers))
        connection.execute(delete(t.session_workers).where(gone))


def end(connection: Connection, session_id: int, reason: str) -> None:
    """End a session: its workers are free, and anybody may work for its job.

    Args:
        reason: For people.

    Raises:
        NoSuchSessionError: There is no such session.
        SessionEndedError: It has ended already.
    """
    session = open_session(connection, session_id)
    its = t.session_workers.c.session_id == session_id
    connection.execute(delete(t.session_workers).where(its))
    ended = {"ended_at": database_now(connection), "reason": reason, "waiting": False}
    connection.execute(_this(session_id).values(**ended))
    reserve(connection, session.job_id, for_session=False)


def forget(connection: Connection, session_id: int) -> None:
    """End a session, if it has not ended, and forget it.

    Raises:
        NoSuchSessionError: There is no such session.
    """
    if find_session(connection, session_id).ended_at is None:
        end(connection, session_id, "it was deleted")
    connection.execute(delete(t.sessions).where(t.sessions.c.id == session_id))


def begin(connection: Connection, session_id: int, job_id: int) -> None:
    """Let a job begin that waited for its workers."""
    connection.execute(_this(session_id).values(waiting=False))
    refresh(connection, job_id)


def _this(session_id: int) -> Any:
    return update(t.sessions).where(t.sessions.c.id == session_id)
