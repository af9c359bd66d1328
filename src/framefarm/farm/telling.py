"""Telling whoever follows a job, or the whole farm, what a durable write changed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, bindparam, func, select

from framefarm.core.states import ENDED_JOBS, JobState, WorkerState
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.duties import guarded
from framefarm.farm.event_log import EventLog, Where
from framefarm.farm.events import EventBus
from framefarm.farm.shot_telling import CHANGED, ShotTelling, rows_of
from framefarm.farm.steering import NoSuchJobError
from framefarm.farm.worker_states import shown_state

if TYPE_CHECKING:
    from framefarm.farm.news import UnitNews
    from framefarm.farm.service import Farm

_PAUSE_S = 0.25
_AT_A_TIME = 500
_NOT_TOLD = {"finished_at", "project", "sequence", "shot"}
_OF_THE_PLACE = ("job_id", "stage_id", "worker_id")


class Telling:
    """Passes news on. Used from the manager's event loop only.

    Args:
        farm: Whose news.

    Attributes:
        bus: Followers of single jobs.
        log: What happened on the whole farm.
        of_shots: The part of it that is about shots.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self.bus = EventBus()
        self.log = EventLog()
        self.of_shots = ShotTelling(self.log, since=time.time())
        self._jobs: set[int] = set()
        self._workers: set[str] = set()
        self._changed = asyncio.Event()
        self._told: dict[str, dict[str, Any]] = {}

    def jobs(self, changed: Iterable[int]) -> None:
        """Jobs changed: what they are now is told soon."""
        self._jobs.update(changed)
        self._changed.set()

    def workers(self, changed: Iterable[str]) -> None:
        """Workers came, went or were changed: what they are now is told soon."""
        self._workers.update(changed)
        self._changed.set()

    def shots(self, changed: Iterable[int], what: str = CHANGED) -> None:
        """Shots were made or changed: what they are now is told soon."""
        self.of_shots.wait(changed, what)
        self._changed.set()

    def unit(self, unit: UnitNews, worker: str) -> None:
        """A unit was settled; `worker` is the name of who was at it."""
        facts = {**vars(unit), "worker": worker}
        for key in _OF_THE_PLACE:
            del facts[key]
        if self.bus.followed(unit.job_id):
            self.bus.publish(unit.job_id, "unit", facts)
        told = {"job": unit.job_id, **facts}
        self.log.note("unit", told, job_id=unit.job_id, worker_id=unit.worker_id)

    def session(self, facts: dict[str, Any], job_id: int, worker_id: str) -> None:
        """Something happened in a job's session, to a worker or to all of it."""
        self.bus.publish(job_id, "session", facts)
        self.log.note("session", facts, job_id=job_id, worker_id=worker_id or None)

    def deleted(self, job: Row[Any]) -> None:
        """A job is no longer there; this was its row."""
        self.bus.publish(job.id, "end", {})
        facts = {"job": job.id, "owner": job.owner, "state": "deleted"}
        where = Where(job.project, job.sequence, job.shot, job.shot_id)
        self.log.note("job", facts, job_id=job.id, where=where)

    def close(self) -> None:
        """Tell nothing more: followers hear what there is, and end."""
        self.bus.close()
        self.log.close()

    async def run(self) -> None:
        """Tell of what changed, of each job and worker a few times a second at most."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            jobs, self._jobs = self._jobs, set()
            workers, self._workers = self._workers, set()
            await guarded("tell_of_workers", self._tell_of_workers(sorted(workers)))
            await guarded("tell_of_shots", self._tell_of_shots(self.of_shots.take()))
            await guarded("tell_of_jobs", self._tell_of_jobs(sorted(jobs)))
            await asyncio.sleep(_PAUSE_S)

    async def _tell_of_workers(self, worker_ids: Sequence[str]) -> None:
        for start in range(0, len(worker_ids), _AT_A_TIME):
            some = worker_ids[start : start + _AT_A_TIME]
            for row in await self._farm.read(partial(_workers, ids=some)):
                self._tell_of_worker(row)

    def _tell_of_worker(self, row: Any) -> None:
        connected = self._farm.roster.get(row.id) is not None
        state: str = shown_state(row.state, connected=connected, working=False)
        if row.revoked_at is not None:
            state = "revoked"
        elif state == WorkerState.IDLE:
            state = "online"  # whether it has work just now is what its units tell
        facts = {"worker": row.name, "id": row.id, "state": state, "reason": row.reason}
        if self._told.get(row.id) != facts:
            self._told[row.id] = facts
            if row.state in {WorkerState.LOST, WorkerState.QUARANTINED}:
                self._farm.notifying.wake()
            self.log.note("worker", facts, worker_id=row.id)

    async def _tell_of_shots(self, whats: Mapping[int, str]) -> None:
        ids = sorted(whats)
        for start in range(0, len(ids), _AT_A_TIME):
            some = ids[start : start + _AT_A_TIME]
            self.of_shots.tell(await self._farm.read(partial(rows_of, shot_ids=some)), whats)

    async def _tell_of_jobs(self, job_ids: Sequence[int]) -> None:
        for start in range(0, len(job_ids), _AT_A_TIME):
            some = job_ids[start : start + _AT_A_TIME]
            jobs = await self._farm.read(partial(_jobs, ids=some))
            for facts in jobs:
                with contextlib.suppress(NoSuchJobError):  # deleted since
                    await self._tell_of_job(facts)
            await self._tell_of_versions(self.of_shots.new_versions(jobs))

    async def _tell_of_versions(self, jobs: Mapping[int, Mapping[str, Any]]) -> None:
        if not jobs:
            return
        shots = {job["shot_id"] for job in jobs.values()}
        found = await self._farm.read(partial(rows_of, shot_ids=shots))
        rows = {row.id: row for row in found}
        for job in jobs.values():
            if job["shot_id"] in rows:
                self.of_shots.version_done(rows[job["shot_id"]], job)

    async def _tell_of_job(self, facts: dict[str, Any]) -> None:
        job_id, state = facts["job"], JobState(facts["state"])
        if state in ENDED_JOBS:
            await self._farm.delivery.all_of(job_id)
            self._farm.notifying.job_ended(job_id)
        told = {name: value for name, value in facts.items() if name not in _NOT_TOLD}
        where = Where(*(facts[name] for name in Where._fields))
        self.log.note("job", told, job_id=job_id, where=where)
        # A picture takes far longer to make than a look at the counters.
        if not self.bus.followed(job_id):
            return
        view = await self._farm.jobs.view(job_id)
        if view.state in ENDED_JOBS and state not in ENDED_JOBS:
            return  # it ended just now, so the next round places its files before it says so
        self.bus.publish(job_id, "job", asdict(view))
        if view.state in ENDED_JOBS:
            self.bus.publish(job_id, "end", {})


def _workers(connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
    return _WORKERS.rows(connection, ids)


def _jobs(connection: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """What is told of jobs: their states, and the counters of all their stages together."""
    return [row._asdict() for row in _JOBS.rows(connection, ids)]


# Built once: they run a few times a second, and building one costs more than running it.
_WORKERS = Prepared(
    select(
        t.workers.c.id,
        t.workers.c.name,
        t.workers.c.state,
        t.workers.c.reason,
        t.workers.c.revoked_at,
    ).where(t.workers.c.id.in_(bindparam("ids", expanding=True))),
    listed="ids",
)
_JOBS = Prepared(
    select(
        t.jobs.c.id.label("job"),
        t.jobs.c.name,
        t.jobs.c.owner,
        t.jobs.c.state,
        t.jobs.c.priority,
        t.jobs.c.message,
        t.jobs.c.project,
        t.jobs.c.sequence,
        t.jobs.c.shot,
        t.jobs.c.shot_id,
        t.jobs.c.version,
        t.jobs.c.finished_at,
        *(func.sum(t.stages.c[name]).label(name) for name in ("done", "failed", "total")),
    )
    .join(t.stages, t.stages.c.job_id == t.jobs.c.id)
    .where(t.jobs.c.id.in_(bindparam("ids", expanding=True)))
    .group_by(t.jobs.c.id)
    .order_by(t.jobs.c.id),
    listed="ids",
)
