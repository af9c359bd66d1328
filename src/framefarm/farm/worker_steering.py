"""What people tell workers to do: enable, disable, drain, restart, rename, tag.

Each is one guarded update, so it outlives the manager, and holds for workers that are away. What
was decided is told to those that are connected by `worker_orders`, to the others by their next
welcome.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, select, union, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.states import WorkerEvent, WorkerState
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.news import News
from framefarm.farm.quarantine import lift
from framefarm.farm.requeue import free_worker
from framefarm.farm.worker_names import find_worker
from framefarm.farm.worker_states import move_worker

LONGEST_NAME = 180
MOST_TAGS = 50
_AWAY = {WorkerState.OFFLINE, WorkerState.LOST}


class WorkerNameError(FrameFarmError):
    """A worker cannot have that name."""

    code = "worker_name"


class WorkerAction(StrEnum):
    """What workers can be told.

    `enable`: work again; also ends a quarantine. `disable`: get no more work. `drain`: the same,
    for a while. `restart`: start the process anew. `tag` and `untag`: carry tags or not.
    """

    ENABLE = "enable"
    DISABLE = "disable"
    DRAIN = "drain"
    RESTART = "restart"
    TAG = "tag"
    UNTAG = "untag"


@dataclass(frozen=True)
class WorkerChange:
    """What to do with some workers.

    Attributes:
        now: Give back at once what they have in work; else they end it first. Of `disable` and
            `restart`.
        reason: For people, of `disable` and `drain`.
        tags: Of `tag` and `untag`.
    """

    action: WorkerAction
    now: bool = False
    reason: str = ""
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Steered:
    """What became of one worker.

    Attributes:
        outcome: `done`, `unchanged` (it was so already, or more) or `refused`.
        message: The same for people.
    """

    id: str
    name: str
    outcome: str
    message: str
    tags: tuple[str, ...] = ()


def steer_many(
    connection: Connection,
    catalog: Catalog,
    worker_ids: Sequence[str],
    change: WorkerChange,
    connected: Callable[[str], bool],
) -> tuple[list[Steered], News]:
    """Do what was asked with some workers.

    Args:
        worker_ids: Of workers there are.
        connected: Whether a worker is connected.

    Returns:
        What became of each, in their order, and of their leases.

    Raises:
        WorkerMovedError: Something else happened to one of them at the same moment.
    """
    found = connection.execute(select(*_COLUMNS).where(t.workers.c.id.in_(worker_ids)))
    workers = {worker.id: worker for worker in found}
    leases = _leases_of(connection, worker_ids)
    blamed = _blamed(connection, worker_ids) if change.action is WorkerAction.ENABLE else set()
    told, news = [], News()
    for worker_id in worker_ids:
        worker, held = workers[worker_id], leases.get(worker_id, 0)
        if worker.revoked_at is not None:
            told.append(_told(worker, "refused", "was revoked and cannot come back"))
            continue
        if change.now and held:
            reason = f"its worker was told to {change.action}"
            news.add(free_worker(connection, catalog, worker_id, reason=reason, lost=False))
        if worker_id in blamed and lift(connection, worker_id):
            news.barred.add(worker_id)
        pardoned = worker_id in news.barred
        step = _Step(connection, worker, change, held, pardoned, connected(worker_id))
        told.append(_STEPS[change.action](step))
    return told, news


_COLUMNS = (
    t.workers.c.id,
    t.workers.c.name,
    t.workers.c.state,
    t.workers.c.reason,
    t.workers.c.tags,
    t.workers.c.boot_id,
    t.workers.c.revoked_at,
)


def _leases_of(connection: Connection, worker_ids: Sequence[str]) -> dict[str, int]:
    """How many leases each worker holds; those without any are left out."""
    counted = connection.execute(
        select(t.leases.c.worker_id, func.count().label("held"))
        .where(t.leases.c.worker_id.in_(worker_ids), t.leases.c.state == "active")
        .group_by(t.leases.c.worker_id)
    )
    return {row.worker_id: row.held for row in counted}


def _blamed(connection: Connection, worker_ids: Sequence[str]) -> set[str]:
    """Those of some workers that have anything to be pardoned."""
    found = union(
        select(t.quarantines.c.worker_id).where(t.quarantines.c.worker_id.in_(worker_ids)),
        select(t.faults.c.worker_id).where(
            t.faults.c.worker_id.in_(worker_ids), ~t.faults.c.charged
        ),
    )
    return set(connection.execute(found).scalars())


@dataclass(frozen=True)
class _Step:
    """One change of one worker.

    Attributes:
        held: How many leases it has, or had to give back for it.
        pardoned: Whether a quarantine of it is over by this.
    """

    connection: Connection
    worker: Any
    change: WorkerChange
    held: int
    pardoned: bool
    connected: bool

    @property
    def state(self) -> WorkerState:
        return WorkerState(self.worker.state)

    def move(self, event: WorkerEvent) -> WorkerState:
        reason = self.change.reason or self.worker.reason
        return move_worker(self.connection, self.worker, event, reason=reason)

    def told(self, outcome: str, message: str) -> Steered:
        return _told(self.worker, outcome, message)

    def leases(self, before: str) -> str:
        """Words for what happens to the leases that it has or had."""
        if not self.held:
            return ""
        its = "its lease" if self.held == 1 else f"its {self.held} leases"
        if self.change.now:
            return f"; {its} {'was' if self.held == 1 else 'were'} given back"
        return f"; {before} {its}"


def _told(worker: Any, outcome: str, message: str, tags: tuple[str, ...] = ()) -> Steered:
    return Steered(worker.id, worker.name, outcome, message, tags or tuple(worker.tags))


def _enable(step: _Step) -> Steered:
    barred = step.state is WorkerState.QUARANTINED
    event = WorkerEvent.PARDON if barred else WorkerEvent.ENABLE
    after = move_worker(step.connection, step.worker, event, reason="")
    if step.connected and after is WorkerState.OFFLINE:
        connected = step.connection.execute(
            select(t.workers.c.id, t.workers.c.state).where(t.workers.c.id == step.worker.id)
        ).one()
        move_worker(step.connection, connected, WorkerEvent.CONNECT)
    if step.pardoned or barred:
        return step.told("done", "is enabled; its quarantine is over")
    if after is step.state:
        return step.told("unchanged", "was enabled already")
    return step.told("done", "is enabled")


def _disable(step: _Step) -> Steered:
    step.move(WorkerEvent.DISABLE)
    leases = step.leases("it ends")
    given_back = step.change.now and step.held
    if step.state is WorkerState.DISABLED and not given_back:
        return step.told("unchanged", f"was disabled already{leases}")
    return step.told("done", f"is disabled{leases}")


def _drain(step: _Step) -> Steered:
    if step.state is WorkerState.DISABLED:
        return step.told("unchanged", "is disabled, so it gets no work anyway")
    step.move(WorkerEvent.DRAIN)
    leases = step.leases("it ends") or "; it has nothing in work"
    if step.state is WorkerState.DRAINING:
        return step.told("unchanged", f"was draining already{leases}")
    return step.told("done", f"drains{leases}")


def _restart(step: _Step) -> Steered:
    if not step.connected and step.state in _AWAY:
        return step.told("unchanged", "is not running")
    worker = step.worker
    step.connection.execute(
        update(t.workers)
        .where(t.workers.c.id == worker.id, t.workers.c.boot_id == worker.boot_id)
        .values(restart_boot_id=worker.boot_id)
    )
    if not step.connected:
        return step.told("done", "restarts when it is connected again")
    return step.told("done", f"restarts{step.leases('first it ends')}")


def _tag(step: _Step) -> Steered:
    return _retag(step, set(step.worker.tags) | step.change.tags)


def _untag(step: _Step) -> Steered:
    return _retag(step, set(step.worker.tags) - step.change.tags)


def _retag(step: _Step, tags: set[str]) -> Steered:
    after = tuple(sorted(tags))
    if len(after) > MOST_TAGS:
        return step.told("refused", f"would have more than {MOST_TAGS} tags")
    tags_word = "tag" if len(after) == 1 else "tags"
    words = f"has the {tags_word} {', '.join(after)}" if after else "has no tags"
    if set(after) == set(step.worker.tags):
        return step.told("unchanged", words)
    step.connection.execute(
        update(t.workers).where(t.workers.c.id == step.worker.id).values(tags=list(after))
    )
    return Steered(step.worker.id, step.worker.name, "done", f"{words} now", after)


_STEPS: dict[WorkerAction, Callable[[_Step], Steered]] = {
    WorkerAction.ENABLE: _enable,
    WorkerAction.DISABLE: _disable,
    WorkerAction.DRAIN: _drain,
    WorkerAction.RESTART: _restart,
    WorkerAction.TAG: _tag,
    WorkerAction.UNTAG: _untag,
}


def rename(connection: Connection, wanted: str, name: str) -> str:
    """Give a worker a name, which from then on counts above the one it says itself.

    Args:
        wanted: Which worker; see `find_worker`.
        name: Its name.

    Returns:
        The worker's id.

    Raises:
        NoSuchWorkerError: There is none.
        AmbiguousWorkerError: There are several.
        WorkerNameError: The name is none, or another worker's.
    """
    worker = find_worker(connection, wanted)
    name = _checked(name)
    others = connection.execute(
        select(t.workers.c.id).where(
            t.workers.c.name == name,
            t.workers.c.id != worker.id,
            t.workers.c.revoked_at.is_(None),
        )
    ).all()
    if others:
        raise WorkerNameError(f"Another worker is called {name!r}; rename that one first.")
    connection.execute(
        update(t.workers).where(t.workers.c.id == worker.id).values(name=name, named_here=True)
    )
    return str(worker.id)


def _checked(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or "/" in name:
        raise WorkerNameError(
            f"{name[:LONGEST_NAME]!r} is no name for a worker: it must have 1 to {LONGEST_NAME} "
            "printable characters and no slash."
        )
    return name
