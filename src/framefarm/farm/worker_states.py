"""Moving workers from state to state: the table decides, a guarded update does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.requirements import Pool
from framefarm.core.states import WORKER, WorkerEvent, WorkerState, advance
from framefarm.db import database_now
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


def note_departure(connection: Connection, worker_id: str, boot_id: str, *, goodbye: bool) -> None:
    """Note that a worker's connection is gone.

    Args:
        boot_id: Of the process that was connected; nothing is noted when another one is by now.
        goodbye: Whether it closed the connection in good order. Else it may come back and go on
            (L8), or turn out to be lost.
    """
    worker = connection.execute(
        select(t.workers.c.id, t.workers.c.state).where(
            t.workers.c.id == worker_id, t.workers.c.boot_id == boot_id
        )
    ).one_or_none()
    if worker is None:
        return
    seen = {"last_seen_at": database_now(connection)}
    if goodbye and worker.state in WORKER.sources(WorkerEvent.LEAVE):
        move_worker(connection, worker, WorkerEvent.LEAVE, **seen)
    else:
        connection.execute(update(t.workers).where(t.workers.c.id == worker_id).values(**seen))


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


def note_lost(
    connection: Connection,
    connected: Callable[[str], bool],
    lease_s_of: Callable[[Pool], float],
) -> int:
    """Note workers that went without a goodbye and stayed away longer than a lease lasts.

    Args:
        connected: Whether a worker is connected.
        lease_s_of: How long a lease of a worker of a pool lasts.

    Returns:
        How many there were.
    """
    now = database_now(connection)
    limits = {pool.value: now - lease_s_of(pool) for pool in Pool}
    silent = connection.execute(_SILENT, limits).all()
    lost = [worker for worker in silent if not connected(worker.id)]
    for worker in lost:
        move_worker(connection, worker, WorkerEvent.LOSE)
    return len(lost)


def shown_state(stored: str, *, connected: bool, working: bool) -> WorkerState:
    """What people are told of a worker, by what is stored and what is so at this moment."""
    state = WorkerState(stored)
    if state not in {WorkerState.IDLE, WorkerState.BUSY, WorkerState.OFFLINE}:
        return state
    if not connected:
        return WorkerState.OFFLINE
    return WorkerState.BUSY if working else WorkerState.IDLE
