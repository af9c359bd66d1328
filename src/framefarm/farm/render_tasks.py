"""Render tasks: jobs that are asked for by a key, for scripts that want nothing but a movie."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from framefarm.core.errors import FrameFarmError
from framefarm.core.spans import Spans
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.roster import Link, Roster
from framefarm.farm.stage_rows import stages_of
from framefarm.farm.steering import find_job

_KEY_BYTES = 16
_COUNTED_S = 1.0
_REMEMBERED = 1_000
_MOST_NAMED = 1_000


class NoSuchTaskError(FrameFarmError):
    """No render task has that key."""

    code = "no_such_task"


_TASK = Prepared(select(t.jobs.c.id).where(t.jobs.c.task_key == bindparam("key")))
_RESULTS = Prepared(
    select(t.results.c.worker_id, func.count().label("units"))
    .where(t.results.c.stage_id == bindparam("stage"))
    .group_by(t.results.c.worker_id)
)
_HELD = Prepared(
    select(t.leases.c.worker_id, t.leases.c.units).where(
        t.leases.c.stage_id == bindparam("stage"), t.leases.c.state == "active"
    )
)
_NAMES = Prepared(
    select(t.workers.c.id, t.workers.c.name).where(
        t.workers.c.id.in_(bindparam("workers", expanding=True))
    ),
    listed="workers",
)


def new_task_key() -> str:
    """A key that nobody can guess: 22 characters that need no quoting in an address."""
    return secrets.token_urlsafe(_KEY_BYTES)


def job_of_task(connection: Connection, task_key: str) -> int:
    """The job behind a render task.

    Raises:
        NoSuchTaskError: No task has that key, or its job was deleted.
    """
    for (job_id,) in _TASK.rows(connection, key=task_key):
        return int(job_id)
    raise NoSuchTaskError("No render task has this key, or its job was deleted.")


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
        counts = dict(_RESULTS.rows(connection, stage=stage_id))
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
    job = find_job(connection, job_id)
    stages = stages_of(connection, [job_id])[job_id]
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


def _progress(kind: str, state: str, stages: Sequence[Any]) -> StageProgress:
    done, total = sum(it.done for it in stages), sum(it.total for it in stages)
    failed = sum(it.failed for it in stages)
    return StageProgress(kind, state, done, failed, total, round(done / max(1, total), 4))


def _shares(
    connection: Connection, stage: Any, shares: Shares, roster: Roster
) -> Iterator[WorkerShare]:
    counts = shares.of(connection, stage.id)
    held: dict[str, int] = {}
    for worker_id, units in _HELD.rows(connection, stage=stage.id):
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
    return dict(_NAMES.rows(connection, worker_ids[:_MOST_NAMED]))


def _at(link: Link | None, stage_id: int) -> tuple[list[int], float]:
    """The units of a stage that a worker is at, and how many that makes by their steps."""
    at, steps = [], 0.0
    for slot in link.slots.values() if link is not None else ():
        if slot.at is not None and slot.work is not None and slot.work.stage_id == stage_id:
            at.append(slot.at.unit)
            steps += min(1.0, slot.at.done / slot.at.total) if slot.at.total else 0.0
    return sorted(at), steps
