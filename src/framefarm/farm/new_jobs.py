"""Storing a planned job: a few rows, however many units it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from framefarm.core.plans import JobPlan, StagePlan
from framefarm.core.requirements import Pool, Requirements, requirements_of
from framefarm.core.states import JobState, StageState
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.seals import new_key
from framefarm.farm.settling import refresh_claimable
from framefarm.protocol.trees import Tree


@dataclass(frozen=True)
class PlannedStage:
    """A stage with all that its workers need to know.

    Attributes:
        settings: The task of `framefarm.protocol.tasks`, as JSON values.
        largest_lease: Units of one lease at most.
        wanted_blender: `major.minor` the file asks for, empty when no Blender is needed.
        blender: The version to use, empty while that is open.
    """

    plan: StagePlan
    settings: dict[str, Any]
    largest_lease: int = 1_000
    wanted_blender: str = ""
    blender: str = ""
    blend_sha256: str = ""


@dataclass(frozen=True)
class Wishes:
    """What a job asks of the workers that do it.

    Attributes:
        owner: Whose it is; owners share the farm (L12).
        pool: The least trusted pool whose workers may have it.
        tags: All of these a worker must carry.
        min_memory_bytes: Least memory for a unit.
        gpu: Whether its frames must be rendered on a GPU.
    """

    owner: str = ""
    pool: Pool = Pool.OWN
    tags: tuple[str, ...] = ()
    min_memory_bytes: int = 0
    gpu: bool = False

    def of_stage(self, kind: str, blender: str) -> Requirements:
        """The same for one of its stages."""
        return Requirements(
            kind=kind,
            blender=blender,
            pool=self.pool,
            tags=tuple(sorted(set(self.tags))),
            min_memory_bytes=self.min_memory_bytes,
            gpu=self.gpu,
            owner=self.owner,
        )


@dataclass(frozen=True)
class PlannedJob:
    """A job ready to be stored.

    Attributes:
        max_workers: Slots that may work on it at a time; None for any number.
        deadline_at: When it is to be done, seconds since 1970; None where nobody said.
        task_key: What a render task is asked for by; None for other jobs.
        tree: The files, where it renders a project of several.
        project, sequence, shot: Names of where it belongs.
        project_id, shot_id, version: The same as `framefarm.farm.shot_places` found or made it.
    """

    name: str
    kind: str
    stages: tuple[PlannedStage, ...]
    settings: dict[str, Any]
    priority: int = 50
    project: str = ""
    sequence: str = ""
    shot: str = ""
    project_id: int | None = None
    shot_id: int | None = None
    version: int | None = None
    fingerprint: str | None = None
    warnings: list[str] = field(default_factory=list)
    wishes: Wishes = field(default_factory=Wishes)
    max_workers: int | None = None
    deadline_at: float | None = None
    task_key: str | None = None
    tree: Tree | None = None

    @property
    def plan(self) -> JobPlan:
        """The stages' plans."""
        return JobPlan(tuple(stage.plan for stage in self.stages))


def job_with_fingerprint(connection: Connection, fingerprint: str, owner: str) -> int | None:
    """The newest job with this fingerprint that is the owner's, None when there is none."""
    found: int | None = connection.execute(
        select(t.jobs.c.id)
        .where(t.jobs.c.fingerprint == fingerprint, t.jobs.c.owner == owner)
        .order_by(t.jobs.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return found


def store_job(connection: Connection, job: PlannedJob) -> int:
    """Store a job; its first stages can be leased once this is committed.

    Returns:
        The job's id.
    """
    job_id = _insert_job(connection, job)
    stage_ids = [
        _insert_stage(connection, job_id, position, stage, job)
        for position, stage in enumerate(job.stages)
    ]
    _note_tree(connection, job)
    refresh_claimable(connection, stage_ids)
    return job_id


def _note_tree(connection: Connection, job: PlannedJob) -> None:
    """Keep note of which files a project has: they are kept, and may be fetched, with it."""
    if job.tree is None:
        return
    tree_sha256 = job.stages[0].blend_sha256
    known = select(t.trees.c.sha256).where(t.trees.c.tree_sha256 == tree_sha256).limit(1)
    if connection.execute(known).first() is None:
        files = sorted({file.sha256 for file in job.tree.files})
        rows = [{"tree_sha256": tree_sha256, "sha256": sha256} for sha256 in files]
        connection.execute(insert(t.trees), rows)


def _insert_job(connection: Connection, job: PlannedJob) -> int:
    return int(
        connection.execute(
            insert(t.jobs)
            .values(
                name=job.name,
                project=job.project,
                sequence=job.sequence,
                shot=job.shot,
                project_id=job.project_id,
                shot_id=job.shot_id,
                version=job.version,
                kind=job.kind,
                priority=job.priority,
                state=JobState.QUEUED,
                warnings=job.warnings,
                fingerprint=job.fingerprint,
                task_key=job.task_key,
                max_workers=job.max_workers,
                deadline_at=job.deadline_at,
                settings=job.settings,
                owner=job.wishes.owner,
                pool=job.wishes.pool,
                tags=list(job.wishes.tags),
                min_memory_bytes=job.wishes.min_memory_bytes,
                gpu=job.wishes.gpu,
                created_at=database_now(connection),
            )
            .returning(t.jobs.c.id)
        ).scalar_one()
    )


def _insert_stage(
    connection: Connection, job_id: int, position: int, stage: PlannedStage, job: PlannedJob
) -> int:
    plan, starts = stage.plan, stage.plan.needs is None
    stage_id = int(
        connection.execute(
            insert(t.stages)
            .values(
                job_id=job_id,
                position=position,
                kind=plan.kind,
                state=StageState.READY if starts else StageState.WAITING,
                priority=job.priority,
                claimable=False,
                largest_lease=stage.largest_lease,
                wanted_blender=stage.wanted_blender,
                blender=stage.blender,
                blend_sha256=stage.blend_sha256,
                queue=job.wishes.of_stage(plan.kind, stage.blender).queue,
                seal_key=new_key(),
                max_workers=job.max_workers,
                units=str(plan.units),
                needs_position=plan.needs.stage_index if plan.needs else None,
                needs_group=plan.needs.group if plan.needs else None,
                settings=stage.settings,
                total=len(plan.units),
                pending=len(plan.units) if starts else 0,
            )
            .returning(t.stages.c.id)
        ).scalar_one()
    )
    if starts:
        _insert_spans(connection, stage_id, plan)
    return stage_id


def _insert_spans(connection: Connection, stage_id: int, plan: StagePlan) -> None:
    spans = [span for one_pass in plan.order for span in one_pass.spans]
    connection.execute(
        insert(t.spans),
        [
            {
                "stage_id": stage_id,
                "position": number,
                "first": span.first,
                "last": span.last,
                "step": span.step,
                "attempt": 1,
            }
            for number, span in enumerate(spans, start=1)
        ],
    )


def settle_blender(connection: Connection, stage_id: int, version: str) -> None:
    """Decide which Blender renders a stage, if that is still open."""
    queue = connection.execute(
        select(t.stages.c.queue).where(t.stages.c.id == stage_id, t.stages.c.blender == "")
    ).scalar_one_or_none()
    if queue is None:
        return
    asked = msgspec.structs.replace(requirements_of(queue), blender=version)
    changed = connection.execute(
        update(t.stages)
        .where(t.stages.c.id == stage_id, t.stages.c.blender == "")
        .values(blender=version, queue=asked.queue)
    )
    if changed.rowcount:
        refresh_claimable(connection, [stage_id])
