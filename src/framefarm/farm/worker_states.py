"""Moving workers from state to state: the table decides, a guarded update does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.requirements import Pool
from framefarm.core.states import WORKER, WorkerEvent, WorkerState, advance
from framefarm.db import Many, database_now
from framefarm.db import tables as t


class WorkerMovedError(FrameFarmError):
    """A worker's state changed at the same moment. Nothing was done; ask again."""

    code = "busy"
    retryable = True

    def __init__(self, worker_id: str) -> None:
        super().__init__(f"Something else happened to worker {worker_id} just now; try again.")
        self.worker_id = worker_id


def move_worker(
    connection: Connection, worker: Any, event: WorkerEvent, **values: Any
) -> WorkerState:
    """Apply one event to a worker.

    Args:
        worker: Its row, at least `id` and `state`, as just read.
        values: Columns to change along with the state.

    Returns:
        Its state now.

    Raises:
        IllegalMoveError: Its state does not allow that.
        WorkerMovedError: Its state is another meanwhile.
    """
    after = advance(WORKER, WorkerState(worker.state), event)
    changed = connection.execute(
        update(t.workers)
        .where(t.workers.c.id == worker.id, t.workers.c.state == worker.state)
        .values(state=after, **values)
    )
    if changed.rowcount == 0:
        raise WorkerMovedError(worker.id)
    return after


@dataclass(frozen=True, slots=True)
class Departure:
    """A worker's connection is gone.

    Attributes:
        boot_id: Of the process that was connected; nothing is noted when another one is by now.
        goodbye: Whether it closed the connection in good order. Else it may come back and go on
            (L8), or turn out to be lost.
    """

    worker_id: str
    boot_id: str
    goodbye: bool = False


def note_departures(connection: Connection, departures: Sequence[Departure]) -> list[None]:
    """Note that workers' connections are gone; each worker comes once."""
    now = database_now(connection)
    ids = [departure.worker_id for departure in departures]
    rows = {row.id: row for row in connection.execute(_CONNECTED, {"workers": ids})}
    moves = [
        (_after(departure, row.state), now, row.id, row.state)
        for departure in departures
        if (row := rows.get(departure.worker_id)) and row.boot_id == departure.boot_id
    ]
    if _DEPART.run(connection, moves) != len(moves):
        raise WorkerMovedError("that left")
    return [None] * len(departures)


def _after(departure: Departure, state: str) -> str:
    if departure.goodbye and state in WORKER.sources(WorkerEvent.LEAVE):
        return advance(WORKER, WorkerState(state), WorkerEvent.LEAVE)
    return state


_CONNECTED = select(t.workers.c.id, t.workers.c.boot_id, t.workers.c.state).where(
    t.workers.c.id.in_(bindparam("workers", expanding=True))
)
_DEPART = Many(
    update(t.workers)
    .where(t.workers.c.id == bindparam("worker"), t.workers.c.state == bindparam("before"))
    .values(state=bindparam("after"), last_seen_at=bindparam("seen_at")),
    "after",
    "seen_at",
    "worker",
    "before",
)
# Built once: it runs every few seconds, and building it costs more than running it.
_SILENT = select(t.workers.c.id, t.workers.c.state).where(
    t.workers.c.state.in_([WorkerState.IDLE, WorkerState.BUSY]),
    or_(
        *(
            and_(t.workers.c.pool == pool, t.workers.c.last_seen_at < bindparam(pool.value))
            for pool in Pool
        )
    ),
)

_LOSE = Many(
    update(t.workers)
    .where(t.workers.c.id == bindparam("worker"), t.workers.c.state == bindparam("before"))
    .values(state=bindparam("after"), lost_at=bindparam("lost_at")),
    "after",
    "lost_at",
    "worker",
    "before",
)


def see_anew(connection: Connection, now: float) -> None:
    """Count anew how long workers are silent, after a time in which that says nothing (L7).

    Else the clock that was set makes all that are away for a moment `lost` at once, or nobody for
    a day.
    """
    here = t.workers.c.state.in_([WorkerState.IDLE, WorkerState.BUSY])
    connection.execute(update(t.workers).where(here).values(last_seen_at=now))


def note_lost(
    connection: Connection,
    connected: Callable[[str], bool],
    lease_s_of: Callable[[Pool], float],
) -> list[str]:
    """Note workers that went without a goodbye and stayed away longer than a lease lasts.

    Args:
        connected: Whether a worker is connected.
        lease_s_of: How long a lease of a worker of a pool lasts.

    Returns:
        Their ids.
    """
    now = database_now(connection)
    limits = {pool.value: now - lease_s_of(pool) for pool in Pool}
    silent = connection.execute(_SILENT, limits).all()
    lost = [worker for worker in silent if not connected(worker.id)]
    moves = [
        (advance(WORKER, WorkerState(worker.state), WorkerEvent.LOSE), now, worker.id, worker.state)
        for worker in lost
    ]
    if _LOSE.run(connection, moves) != len(moves):
        raise WorkerMovedError("that was lost")
    return [worker.id for worker in lost]


def shown_state(stored: str, *, connected: bool, working: bool) -> WorkerState:
    """What people are told of a worker, by what is stored and what is so at this moment."""
    state = WorkerState(stored)
    if state not in {WorkerState.IDLE, WorkerState.BUSY, WorkerState.OFFLINE}:
        return state
    if not connected:
        return WorkerState.OFFLINE
    return WorkerState.BUSY if working else WorkerState.IDLE
