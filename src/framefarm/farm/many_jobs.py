"""Doing the same with many jobs, and saying what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, select

from framefarm.core.states import IllegalMoveError
from framefarm.db import tables as t
from framefarm.farm import steering
from framefarm.farm.news import News
from framefarm.farm.quotas import QuotaExceededError
from framefarm.farm.redoing import NothingToRetryError
from framefarm.farm.steering import NoSuchJobError

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_AT_A_TIME = 50
"""Jobs whose writes are on their way together, so that they share commits."""

_REFUSALS = (IllegalMoveError, NothingToRetryError, QuotaExceededError, NoSuchJobError)


Changed = tuple[bool, str]
"""Whether a job was not so before, and its state then."""


class JobAction(StrEnum):
    """What can be done with many jobs.

    `cancel`, `pause`, `resume`. `retry`: what failed or was cancelled. `priority`: change it.
    `delete`: forget them.
    """

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    PRIORITY = "priority"
    DELETE = "delete"


@dataclass(frozen=True)
class JobChange:
    """What to do with some jobs.

    Attributes:
        now: Of `pause`: also take back what is in work.
        priority: Of `priority`.
        outputs: Of `delete`: with their files in the outputs folder.
    """

    action: JobAction
    now: bool = False
    priority: int = 0
    outputs: bool = False


@dataclass(frozen=True)
class SteeredJob:
    """What became of one job.

    Attributes:
        state: In which it is then; empty where it is not there.
        outcome: `done`, `unchanged` (it was so already) or `refused`.
        message: The same for people.
    """

    id: int
    name: str
    state: str
    outcome: str
    message: str


async def steer_many(farm: Farm, jobs: Sequence[Row[Any]], change: JobChange) -> list[SteeredJob]:
    """Do what was asked with some jobs, each by a write of its own.

    Args:
        jobs: Numbers and names; see `select_jobs`.

    Returns:
        What became of each, in their order. What one refuses holds up no other.
    """
    steered: list[SteeredJob] = []
    for start in range(0, len(jobs), _AT_A_TIME):
        some = jobs[start : start + _AT_A_TIME]
        steered += await asyncio.gather(*(_steer(farm, job, change) for job in some))
    return steered


async def _steer(farm: Farm, job: Row[Any], change: JobChange) -> SteeredJob:
    try:
        changed, state = await _ACTS[change.action](farm, job.id, change)
    except _REFUSALS as error:
        state = await farm.read(partial(_state, job_id=job.id))
        return SteeredJob(job.id, job.name, state, "refused", str(error))
    outcome, words = ("done", _DONE) if changed else ("unchanged", _WAS_SO)
    message = words[change.action].format(priority=change.priority)
    return SteeredJob(job.id, job.name, state, outcome, message)


def _state(connection: Connection, job_id: int) -> str:
    state = select(t.jobs.c.state).where(t.jobs.c.id == job_id)
    return connection.execute(state).scalar_one_or_none() or ""


async def _steer_simply(farm: Farm, job_id: int, change: JobChange) -> Changed:
    """By one of those steps that say themselves where a job's state does not allow them."""

    def work(connection: Connection) -> tuple[News, Changed]:
        before = steering.find_job(connection, job_id)
        news = _step(farm, connection, job_id, change)
        after = steering.find_job(connection, job_id)
        return news, (bool(news.lost) or _decided(before) != _decided(after), after.state)

    news, changed = await farm.writer.write(work)
    await farm.spread(news)
    return changed


def _decided(job: Row[Any]) -> tuple[str, int, str]:
    """What people decide of a job, and why it is held where it is."""
    return job.state, job.priority, job.message


def _step(farm: Farm, connection: Connection, job_id: int, change: JobChange) -> News:
    match change.action:
        case JobAction.CANCEL:
            return steering.cancel(connection, job_id)
        case JobAction.PAUSE:
            return steering.pause(connection, farm.catalog, job_id, at_once=change.now)
        case JobAction.RESUME:
            return steering.resume(connection, job_id)
        case _:
            return steering.prioritize(connection, job_id, change.priority)


async def _retry(farm: Farm, job_id: int, _: JobChange) -> Changed:
    await farm.jobs.put_back(job_id)
    return True, await farm.read(partial(_state, job_id=job_id))


async def _delete(farm: Farm, job_id: int, change: JobChange) -> Changed:
    await farm.jobs.delete(job_id, outputs=change.outputs)
    return True, ""


_ACTS: dict[JobAction, Callable[[Farm, int, JobChange], Awaitable[Changed]]] = {
    JobAction.CANCEL: _steer_simply,
    JobAction.PAUSE: _steer_simply,
    JobAction.RESUME: _steer_simply,
    JobAction.PRIORITY: _steer_simply,
    JobAction.RETRY: _retry,
    JobAction.DELETE: _delete,
}
_DONE = {
    JobAction.CANCEL: "is cancelled",
    JobAction.PAUSE: "is paused",
    JobAction.RESUME: "goes on",
    JobAction.PRIORITY: "has priority {priority}",
    JobAction.RETRY: "is put back to work",
    JobAction.DELETE: "is deleted",
}
_WAS_SO = {
    JobAction.CANCEL: "was cancelled already",
    JobAction.PAUSE: "was paused already",
    JobAction.RESUME: "was not paused",
    JobAction.PRIORITY: "had priority {priority} already",
}
