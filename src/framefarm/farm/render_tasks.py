"""Render tasks: jobs that are asked for by a key, for scripts that want nothing but a movie."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, func, select

from framefarm.core.errors import FrameFarmError
from framefarm.core.spans import Spans
from framefarm.db import tables as t
from framefarm.farm.roster import Link, Roster

_KEY_BYTES = 16
_COUNTED_S = 1.0
_REMEMBERED = 1_000
_AT_A_TIME = 1_000


class NoSuchTaskError(FrameFarmError):
    """No render task has that key."""

    code = "no_such_task"


def new_task_key() -> str:
    """A key that nobody can guess: 22 characters that need no quoting in an address."""
    return secrets.token_urlsafe(_KEY_BYTES)


def job_of_task(connection: Connection, task_key: str) -> int:
    """The job behind a render task.

    Raises:
        NoSuchTaskError: No task has that key, or its job was deleted.
    """
    found: int | None = connection.execute(
        select(t.jobs.c.id).where(t.jobs.c.task_key == task_key)
    ).scalar_one_or_none()
    if found is None:
        raise NoSuchTaskError("No render task has this key, or its job was deleted.")
    return found


@dataclass(frozen=True)
class StageProgress:
    """How far a stage is.

    Attributes:
        progress: `done` of `total`, 0 to 1.
    """

    kind: str
    state: str
    done: int
    failed: int
    total: int
    progress: float


@dataclass(frozen=True)
class WorkerShare:
    """What a worker has of the stage that the task is in.

    Attributes:
        units: How many units it did or holds.
        share: The same as a part of the stage, 0 to 1.
        done: How many of them it did.
        progress: The part of its share that is done, 0 to 1; with the steps of units in work.
        at: The units in work, as far as is known.
    """

    worker: str
    units: int
    share: float
    done: int
    progress: float
    at: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class TaskProgress:
    """How far a task is.

    Attributes:
        job: The number of its job.
        stage: The first one that is not done, else the last.
        total: Of all its stages together, which have as many units as they have.
        workers: Those at the stage, by name.
    """

    job: int
    name: str
    state: str
    message: str
    stage: StageProgress
    total: StageProgress
    workers: list[WorkerShare]


class Shares:
    """Counts what each worker did of a stage; not more often than what that costs allows."""

    def __init__(self) -> None:
        self._counted: dict[int, tuple[float, dict[str, int]]] = {}

    def of(self, connection: Connection, stage_id: int) -> dict[str, int]:
        """Results by worker."""
        good_until, counts = self._counted.get(stage_id, (0.0, {}))
        began = time.monotonic()
        if began < good_until:
            return counts
        results = t.results.c
        rows = connection.execute(
            select(results.worker_id, func.count().label("units"))
            .where(results.stage_id == stage_id)
            .group_by(results.worker_id)
        )
        counts = {row.worker_id: row.units for row in rows}
        now = time.monotonic()
        if len(self._counted) >= _REMEMBERED:
            self._counted.clear()
        # A million results take half a second, so they are counted twice a minute.
        self._counted[stage_id] = (now + max(_COUNTED_S, 60 * (now - began)), counts)
        return counts


def task_progress(
    connection: Connection, job_id: int, shares: Shares, roster: Roster
) -> TaskProgress:
    """How far the task of a job is."""
    job = connection.execute(select(t.jobs).where(t.jobs.c.id == job_id)).one()
    stages = connection.execute(
        select(t.stages).where(t.stages.c.job_id == job_id).order_by(t.stages.c.position)
    ).all()
    now_at = next((stage for stage in stages if stage.state != "done"), stages[-1])
    return TaskProgress(
        job=job.id,
        name=job.name,
        state=job.state,
        message=job.message,
        stage=_progress(now_at.kind, now_at.state, [now_at]),
        total=_progress("all", job.state, stages),
        workers=sorted(_shares(connection, now_at, shares, roster), key=lambda share: share.worker),
    )


def _progress(kind: str, state: str, stages: Sequence[Row[Any]]) -> StageProgress:
    done, total = sum(it.done for it in stages), sum(it.total for it in stages)
    failed = sum(it.failed for it in stages)
    return StageProgress(kind, state, done, failed, total, round(done / max(1, total), 4))


def _shares(
    connection: Connection, stage: Row[Any], shares: Shares, roster: Roster
) -> Iterator[WorkerShare]:
    counts = shares.of(connection, stage.id)
    held: dict[str, int] = {}
    leases = t.leases.c
    for worker_id, units in connection.execute(
        select(leases.worker_id, leases.units).where(
            leases.stage_id == stage.id, leases.state == "active"
        )
    ):
        held[worker_id] = held.get(worker_id, 0) + len(Spans.restore(units))
    workers = sorted(counts.keys() | held.keys())
    names = _names(connection, workers)
    for worker_id in workers:
        done, units = counts.get(worker_id, 0), counts.get(worker_id, 0) + held.get(worker_id, 0)
        at, steps = _at(roster.get(worker_id), stage.id)
        yield WorkerShare(
            worker=names.get(worker_id, worker_id),
            units=units,
            share=round(min(1.0, units / max(1, stage.total)), 4),
            done=done,
            progress=round(min(1.0, (done + steps) / max(1, units)), 4),
            at=at,
        )


def _names(connection: Connection, worker_ids: list[str]) -> dict[str, str]:
    workers = t.workers.c
    rows = connection.execute(
        select(workers.id, workers.name).where(workers.id.in_(worker_ids[:_AT_A_TIME]))
    )
    return {row.id: row.name for row in rows}


def _at(link: Link | None, stage_id: int) -> tuple[list[int], float]:
    """The units of a stage that a worker is at, and how many that makes by their steps."""
    at, steps = [], 0.0
    for slot in link.slots.values() if link is not None else ():
        if slot.at is not None and slot.work is not None and slot.work.stage_id == stage_id:
            at.append(slot.at.unit)
            steps += min(1.0, slot.at.done / slot.at.total) if slot.at.total else 0.0
    return sorted(at), steps
