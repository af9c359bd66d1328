"""What never changes about a job's stages, kept in memory.

A stage's units, its settings and what needs it are fixed when the job is made, and asked for at
every lease and every result. Reading them once per stage keeps those paths to the few rows that do
change.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from framefarm.core.plans import Dependent, JobPlan, Needs, StagePlan, dependents, inputs_of
from framefarm.core.requirements import Requirements, requirements_of
from framefarm.core.spans import Spans
from framefarm.db import Prepared
from framefarm.db import tables as t

MAIN_ROLES = {"render": "image", "movie": "segment", "join": "movie"}
"""The role of the file that a kind of stage exists for; its results must have one."""

_COLUMNS = (
    t.stages.c.id,
    t.stages.c.job_id,
    t.stages.c.position,
    t.stages.c.kind,
    t.stages.c.units,
    t.stages.c.needs_position,
    t.stages.c.needs_group,
    t.stages.c.settings,
    t.stages.c.blend_sha256,
    t.stages.c.blender,
    t.stages.c.queue,
)
_STAGES_OF = Prepared(
    select(*_COLUMNS).where(t.stages.c.job_id == bindparam("job")).order_by(t.stages.c.position)
)
_JOB_OF = Prepared(select(t.stages.c.job_id).where(t.stages.c.id == bindparam("stage")))


@dataclass(frozen=True)
class StageFacts:
    """One stage's unchanging side.

    Attributes:
        settings_json: The task's settings as workers get them.
        asked: What it asks of a worker, whoever is in its job's session.
    """

    id: int
    job_id: int
    position: int
    kind: str
    units: Spans
    settings: dict[str, Any]
    settings_json: bytes
    blend_sha256: str
    asked: Requirements


@dataclass(frozen=True)
class JobFacts:
    """A job's stages, in order, and its plan."""

    id: int
    stages: tuple[StageFacts, ...]
    plan: JobPlan

    def dependents(self, stage: StageFacts, unit: int) -> list[Dependent]:
        """The later units that need this one."""
        if stage.position == len(self.stages) - 1:
            return []
        return dependents(self.plan, stage.position, unit)

    def inputs_of(self, stage: StageFacts, unit: int) -> tuple[StageFacts, Spans] | None:
        """The stage and its units that this unit needs, None when it needs nothing."""
        needs = self.plan.stages[stage.position].needs
        if needs is None:
            return None
        return self.stages[needs.stage_index], inputs_of(self.plan, stage.position, unit)


class Catalog:
    """Stages and jobs by id, the most recently used `size` jobs. Safe to use from any thread."""

    def __init__(self, size: int = 2_000) -> None:
        self._size = size
        self._jobs: OrderedDict[int, JobFacts] = OrderedDict()
        self._stages: dict[int, StageFacts] = {}
        self._lock = threading.Lock()

    def known(self, stage_id: int) -> StageFacts | None:
        """A stage if it is in memory."""
        return self._stages.get(stage_id)

    def owner_of(self, job_id: int) -> str | None:
        """Whose a job is; None when it is not in memory."""
        facts = self._jobs.get(job_id)
        return facts.stages[0].asked.owner if facts and facts.stages else None

    def stage(self, connection: Connection, stage_id: int) -> StageFacts | None:
        """A stage, None when there is no such stage."""
        found = self._stages.get(stage_id)
        if found is not None:
            return found
        jobs = _JOB_OF.rows(connection, stage=stage_id)
        if not jobs:
            return None
        facts = self.job(connection, jobs[0].job_id)
        return next((stage for stage in facts.stages if stage.id == stage_id), None)

    def job(self, connection: Connection, job_id: int) -> JobFacts:
        """A job's stages; none when there is no such job."""
        with self._lock:
            if job_id in self._jobs:
                self._jobs.move_to_end(job_id)
                return self._jobs[job_id]
        facts = _load(connection, job_id)
        with self._lock:
            self._jobs[job_id] = facts
            self._stages.update({stage.id: stage for stage in facts.stages})
            if len(self._jobs) > self._size:
                _, oldest = self._jobs.popitem(last=False)
                for stage in oldest.stages:
                    self._stages.pop(stage.id, None)
        return facts

    def clear(self) -> None:
        """Read everything anew: some of it may come from a transaction that was rolled back."""
        with self._lock:
            self._jobs.clear()
            self._stages.clear()

    def forget(self, job_id: int) -> None:
        """Read the job anew the next time."""
        with self._lock:
            facts = self._jobs.pop(job_id, None)
            for stage in facts.stages if facts else ():
                self._stages.pop(stage.id, None)


def _with_blender(settings: dict[str, Any], version: str) -> dict[str, Any]:
    """Settings that name the Blender chosen for the stage, which may be after it was stored."""
    return {**settings, "blender": version} if version else settings


def _load(connection: Connection, job_id: int) -> JobFacts:
    rows = _STAGES_OF.rows(connection, job=job_id)
    stages = tuple(
        StageFacts(
            id=row.id,
            job_id=row.job_id,
            position=row.position,
            kind=row.kind,
            units=Spans.restore(row.units),
            settings=(settings := _with_blender(row.settings, row.blender)),
            settings_json=json.dumps(settings).encode(),
            blend_sha256=row.blend_sha256,
            asked=requirements_of(row.queue).of_anybody,
        )
        for row in rows
    )
    plans = tuple(
        StagePlan(
            kind=row.kind,
            units=stage.units,
            order=(stage.units,),
            needs=None
            if row.needs_position is None
            else Needs(row.needs_position, row.needs_group),
        )
        for row, stage in zip(rows, stages, strict=True)
    )
    return JobFacts(job_id, stages, JobPlan(plans))
