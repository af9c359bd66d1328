"""One look at all sessions: those that are over end, who is gone leaves, and who is free joins.

It reads how things stand and asks for nothing that was told before. So it may be run at any time
and again, and after a restart it goes on where it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from framefarm.core.sessions import Move, Session, assign
from framefarm.core.states import ENDED_JOBS, WorkerState
from framefarm.db import Prepared, database_now
from framefarm.db import tables as t
from framefarm.farm.claim_requests import ClaimRequest
from framefarm.farm.roster import Link, Slot
from framefarm.farm.session_news import SessionNews, Settled
from framefarm.farm.session_uses import Uses
from framefarm.farm.sessions import begin, end, members_of, take_out

_HERE = (WorkerState.IDLE, WorkerState.BUSY, WorkerState.QUARANTINED)
_AWAY = {
    WorkerState.OFFLINE: "it left",
    WorkerState.LOST: "it was lost",
    WorkerState.DRAINING: "it drains",
    WorkerState.DISABLED: "it was disabled",
}


@dataclass(frozen=True)
class Here:
    """Who is connected.

    Attributes:
        links: By worker.
        request: What a slot would ask for.
    """

    links: Mapping[str, Link]
    request: Callable[[Link, Slot], ClaimRequest]


def members(connection: Connection) -> list[Row[Any]]:
    """Everyone who is in a session."""
    return list(connection.execute(_MEMBERS).all())


def settle_sessions(connection: Connection, here: Here, before: Sequence[Row[Any]] = ()) -> Settled:
    """Bring all sessions to what they should be now.

    Args:
        before: Who was in one before this transaction changed that, as `members` told it.
    """
    settled = Settled()
    present = members(connection)
    settled.names = {row.worker_id: row.name for row in (*before, *present)}
    _tell_who_was_let_go(before, present, settled)
    sessions = connection.execute(_OPEN).all()
    going_on = [one for one in sessions if not _end_with_job(connection, one, settled)]
    open_ones = {one.id for one in going_on}
    present = [row for row in present if row.session_id in open_ones]
    gone = _let_gone_leave(connection, present, settled)
    stay = [row for row in present if row.worker_id not in gone]
    _Round(connection, here, going_on, stay, settled).run()
    early = {one.id for one in going_on if one.prefetch}
    for row in members(connection):
        settled.jobs[row.worker_id] = row.job_id
        if row.session_id in early and not row.has_files:
            settled.prefetch.add(row.worker_id)
    settled.sessions = {one.job_id: one.id for one in going_on}
    return settled


_OPEN = (
    select(
        t.sessions,
        t.jobs.c.state,
        t.jobs.c.at_limit,
        (t.jobs.c.priority + t.jobs.c.raised).label("priority"),
    )
    .join(t.jobs, t.jobs.c.id == t.sessions.c.job_id)
    .where(t.sessions.c.ended_at.is_(None))
    .order_by(t.sessions.c.id)
)
_MEMBERS = (
    select(
        t.session_workers,
        t.sessions.c.job_id,
        t.workers.c.name,
        t.workers.c.state,
        t.workers.c.revoked_at,
        t.workers.c.boot_id.label("running"),
    )
    .join(t.sessions, t.sessions.c.id == t.session_workers.c.session_id)
    .join(t.workers, t.workers.c.id == t.session_workers.c.worker_id)
    .order_by(t.session_workers.c.worker_id)
)


def _tell_who_was_let_go(
    before: Sequence[Row[Any]], present: Sequence[Row[Any]], settled: Settled
) -> None:
    stayed = {(row.worker_id, row.session_id) for row in present}
    for row in before:
        if (row.worker_id, row.session_id) not in stayed:
            settled.tell("released", row.session_id, row.job_id, row.worker_id, "as asked")


def _end_with_job(connection: Connection, session: Row[Any], settled: Settled) -> bool:
    """End the session of a job that has ended; False while that goes on."""
    if session.state not in ENDED_JOBS:
        return False
    workers = members_of(connection, session.id)
    reason, told = f"its job is {session.state}", (session.id, session.job_id)
    end(connection, session.id, reason)
    names = tuple(settled.names[worker] for worker in workers)
    settled.news.append(SessionNews("complete", *told, reason=reason, workers=names))
    for worker in workers:
        settled.tell("released", *told, worker, reason)
    return True


def _let_gone_leave(
    connection: Connection, present: Sequence[Row[Any]], settled: Settled
) -> set[str]:
    """Take out who has left, was lost (L8) or is not to work any more; returns them."""
    gone = {row.worker_id: (row, why) for row in present if (why := _why_gone(row))}
    take_out(connection, gone)
    for row, why in gone.values():
        settled.tell("left", row.session_id, row.job_id, row.worker_id, why)
    return set(gone)


def _why_gone(member: Row[Any]) -> str:
    """Why a worker is not in its session any more; nothing while it is.

    One that is away for a moment keeps its place as long as it keeps its leases (L8).
    """
    if member.revoked_at is not None:
        return "it was revoked"
    if member.boot_id != member.running:
        return "it was restarted"
    return _AWAY.get(WorkerState(member.state), "")


class _Round:
    """Gives workers to the sessions that lack some."""

    def __init__(
        self,
        connection: Connection,
        here: Here,
        sessions: Sequence[Row[Any]],
        present: Sequence[Row[Any]],
        settled: Settled,
    ) -> None:
        self._connection = connection
        self._here = here
        self._sessions = {one.id: one for one in sessions}
        self._settled = settled
        self._members: defaultdict[int, set[str]] = defaultdict(set)
        for row in present:
            self._members[row.session_id].add(row.worker_id)
        self._now = database_now(connection)
        self._uses = Uses(connection, here.links, here.request, sessions)

    def run(self) -> None:
        """Decide, and write down what was decided."""
        if not self._sessions:
            return
        asked = [self._asked(one) for one in self._sessions.values()]
        idle = self._idle()
        free = self._free()
        moves, rows = self._decide(asked, free, idle)
        self._write(moves, rows)
        moved = {move.worker for move in moves}
        self._settled.spare = {
            worker
            for worker, session in idle.items()
            if worker not in moved and not self._uses.works(session, worker)
        }

    def _asked(self, row: Row[Any]) -> Session:
        members = frozenset(self._members[row.id])
        left_s = self._uses.remaining_s(row.job_id)
        waited_s = self._now - row.created_at
        return Session(row.id, row.wanted, members, row.waiting, row.priority, left_s, waited_s)

    def _idle(self) -> dict[str, int]:
        """Members that are here and have nothing of their job in work, with their sessions."""
        busy = self._uses.holders()
        return {
            worker: session
            for session, members in self._members.items()
            for worker in sorted(members)
            if worker in self._here.links and (self._sessions[session].job_id, worker) not in busy
        }

    def _free(self) -> list[str]:
        """Workers in no session: those with nothing in work first, then by name."""
        members = set().union(*self._members.values())
        found = [
            link
            for worker, link in self._here.links.items()
            if worker not in members and link.enabled and not link.facts.resting
        ]
        found.sort(key=lambda link: (_is_busy(link), link.name, link.worker_id))
        return [link.worker_id for link in found]

    def _decide(
        self, asked: Sequence[Session], free: list[str], idle: Mapping[str, int]
    ) -> tuple[list[Move], dict[str, Row[Any]]]:
        """Who goes where, and the rows of those who join."""
        while True:
            uses = self._uses
            moves = assign(asked, free, idle, works=uses.works, suits=uses.suits, kind=uses.kind)
            joining = {move.worker for move in moves if move.target is not None}
            rows = {row.id: row for row in _WORKERS.rows(self._connection, sorted(joining))}
            if not joining - rows.keys():
                return moves, rows
            # The connection has not heard yet what the database knows.
            free = [one for one in free if one in rows or one not in joining]
            idle = {one: own for one, own in idle.items() if one in rows or one not in joining}

    def _write(self, moves: Sequence[Move], rows: Mapping[str, Row[Any]]) -> None:
        take_out(self._connection, [move.worker for move in moves if move.origin is not None])
        for move in moves:
            if move.origin is not None:
                why = "its job has nothing for it now, and others have"
                self._tell("released", move.origin, move.worker, why)
        self._settled.names.update((row.id, row.name) for row in rows.values())
        joining = [(move.worker, move.target) for move in moves if move.target is not None]
        values = [
            {
                "worker_id": worker,
                "session_id": session,
                "boot_id": rows[worker].boot_id,
                "joined_at": self._now,
            }
            for worker, session in joining
        ]
        if values:
            self._connection.execute(insert(t.session_workers), values)
        for worker, session in joining:
            self._tell("joined", session, worker)
        for session in sorted({session for _, session in joining}):
            self._begin(session)

    def _begin(self, session_id: int) -> None:
        session = self._sessions[session_id]
        if session.waiting:
            begin(self._connection, session_id, session.job_id)
            self._settled.begun = True

    def _tell(self, what: str, session_id: int, worker: str, reason: str = "") -> None:
        job_id = self._sessions[session_id].job_id
        self._settled.tell(what, session_id, job_id, worker, reason)


def _is_busy(link: Link) -> bool:
    return any(slot.work is not None for slot in link.slots.values())


_WORKERS = Prepared(
    select(t.workers.c.id, t.workers.c.boot_id, t.workers.c.name).where(
        t.workers.c.id.in_(bindparam("ids", expanding=True)),
        t.workers.c.state.in_(_HERE),
        t.workers.c.revoked_at.is_(None),
    ),
    listed="ids",
)
