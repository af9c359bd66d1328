"""`/api/render-tasks`: the simple way in, for a script with nothing but HTTP.

One .blend in, or a .zip of a project, and a key out; by the key how far it is, and the movie.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from functools import partial as bound
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from framefarm.api.access import owner_for
from framefarm.api.blend_upload import Upload, receive_file
from framefarm.api.bodies import (
    Deadline,
    MaxWorkers,
    MinMemory,
    Name,
    Priority,
    RenderSettings,
    Title,
    seconds,
)
from framefarm.api.downloads import Frames, Partial, answer_with
from framefarm.api.guard import caller_of
from framefarm.api.heads import get_and_head
from framefarm.api.once import asked_once
from framefarm.api.planning import plan_render
from framefarm.api.scene_upload import Scene, Scenes
from framefarm.core.plain_text import plain
from framefarm.core.requirements import Pool
from framefarm.farm.downloads import What
from framefarm.farm.new_jobs import PlannedJob, Wishes
from framefarm.farm.ownership import check_room
from framefarm.farm.render_jobs import RenderRequest
from framefarm.farm.render_tasks import (
    Shares,
    TaskProgress,
    job_of_task,
    new_task_key,
    task_progress,
)
from framefarm.farm.service import Farm
from framefarm.farm.shot_places import Defaults, Place, defaults_of
from framefarm.farm.views import JobView

PREFIX = "/api/render-tasks"
UPLOADS = frozenset({f"{PREFIX}/run_task", f"{PREFIX}/run_task/"})
"""Where a .blend is posted to."""

_UNNAMED = "scene.blend"

TaskKey = Annotated[str, InPath(max_length=64)]


class TaskSettings(RenderSettings):
    """How a task is rendered, in the query or in the form; what is left out is as the file says.

    `blend`: which file of a .zip, where it has several. `pool`: the least trusted pool whose
    workers may have it.
    """

    name: Title = ""
    project: Title = ""
    sequence: Title = ""
    shot: Title = ""
    owner: Title = ""
    priority: Priority | None = None
    max_workers: MaxWorkers | None = None
    deadline: Deadline | None = None
    pool: Pool = Pool.OWN
    min_memory_bytes: MinMemory = 0
    gpu: bool = False
    file_name: Name = ""
    blend: Annotated[str, Field(max_length=1_000)] = ""


class StartedTask(BaseModel):
    """A task that the farm has taken.

    Attributes:
        task_key: What to ask for it by.
        job: The number of its job, as the command line shows it.
        progress: Where to ask how far it is.
        download: Where its movie will be.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    task_key: Annotated[str, Field(serialization_alias="TaskKey")]
    job: int
    name: str
    warnings: list[str]
    progress: str
    download: str


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "blend": {
                            "type": "string",
                            "format": "binary",
                            "description": "A .blend, or a .zip of a project. The query's fields "
                            "may be fields of the form instead.",
                        }
                    },
                    "required": ["blend"],
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def routes(farm: Farm) -> APIRouter:
    """The routes of render tasks."""
    router = APIRouter(prefix=PREFIX, tags=["render tasks"])
    shares = Shares()
    scenes = Scenes(farm)

    @router.post("/run_task/", status_code=201, openapi_extra=_BODY)
    @router.post("/run_task", status_code=201, include_in_schema=False)
    async def run_task(
        request: Request, response: Response, asked: Annotated[TaskSettings, Query()]
    ) -> StartedTask:
        """Render a .blend, or a .zip of a project: as it is, or as the one file of a form."""
        most = farm.settings.largest_upload_bytes
        who = caller_of(request.scope).person
        owner_for(who, asked.owner)
        await check_room(farm, who)
        with await asyncio.to_thread(farm.blobs.receive_unannounced, most) as incoming:
            upload = await receive_file(request, incoming)
            settings = _settings(asked, upload)
            owner = owner_for(who, settings.owner)
            usual = await _usual(farm, settings)
            once = await asked_once(request, farm, _digest(upload, incoming.sha256))

            async def plan(scene: Scene, came: Path | None) -> PlannedJob:
                asked = _request(scene, upload, settings, owner, usual)
                return await plan_render(farm, asked, who, came=came)

            scene, planned = await scenes.planned(who, incoming, settings.blend, plan)
        warnings, key = [*planned.warnings, *scene.warnings], new_task_key()
        there = response.headers["Location"] = f"{PREFIX}/{key}/progress"
        view, _ = await farm.jobs.submit(
            replace(planned, task_key=key, warnings=warnings),
            lambda c, view, _: once.keep(c, _started(key, view), location=there),
        )
        return _started(key, view)

    @router.get("/{task_key}/progress")
    async def progress(task_key: TaskKey) -> TaskProgress:
        """How far a task is: its stage, all of it, and each worker's share of the stage."""
        return await farm.read(
            lambda c: task_progress(c, job_of_task(c, task_key), shares, farm.roster)
        )

    @get_and_head(router, "/{task_key}/download")
    async def download(
        task_key: TaskKey,
        what: What = "movie",
        frames: Frames | None = None,
        *,
        partial: Partial = False,
    ) -> Response:
        """A task's movie, or its frames or all of its files as a .zip made while it is sent."""
        job_id = await farm.read(lambda c: job_of_task(c, task_key))
        return await answer_with(farm, job_id, what, frames, only_some=partial)

    return router


def _started(key: str, view: JobView) -> StartedTask:
    return StartedTask(
        task_key=key,
        job=view.id,
        name=view.name,
        warnings=view.warnings,
        progress=f"{PREFIX}/{key}/progress",
        download=f"{PREFIX}/{key}/download",
    )


def _digest(upload: Upload, sha256: str) -> str:
    """Tells what came from anything else; how the form was put together does not count."""
    told = json.dumps([sha256, upload.file_name, sorted(upload.fields.items())])
    return hashlib.sha256(told.encode()).hexdigest()


def _settings(asked: TaskSettings, upload: Upload) -> TaskSettings:
    """What the query says, and the form, which comes first."""
    try:
        said = asked.model_dump(exclude_unset=True)
        return TaskSettings.model_validate({**said, **upload.fields})
    except ValidationError as error:
        raise RequestValidationError(
            [{**one, "loc": ("form", *one["loc"])} for one in error.errors()]
        ) from error


async def _usual(farm: Farm, asked: TaskSettings) -> Defaults:
    place = Place(asked.project, asked.sequence, asked.shot)
    return await farm.read(bound(defaults_of, place=place))


def _request(
    scene: Scene, upload: Upload, asked: TaskSettings, owner: str, usual: Defaults
) -> RenderRequest:
    own = {"name", "project", "sequence", "shot", "priority", "owner"}
    own |= {"file_name", "format", "blend", "frames"}
    own |= {"deadline", "pool", "min_memory_bytes", "gpu"}
    named = scene.blend_name or asked.file_name or upload.file_name or _UNNAMED
    return RenderRequest(
        blend_sha256=scene.blend_sha256,
        tree_sha256=scene.tree_sha256,
        missing=scene.missing,
        blend_name=plain(named.replace("\\", "/").rpartition("/")[2][:200]) or _UNNAMED,
        name=asked.name,
        project=asked.project,
        sequence=asked.sequence,
        shot=asked.shot,
        priority=usual.priority if asked.priority is None else asked.priority,
        frames=usual.frames if asked.frames is None else asked.frames,
        file_format=asked.format,
        deadline_at=seconds(asked.deadline),
        wishes=Wishes(
            owner=owner,
            pool=asked.pool,
            min_memory_bytes=asked.min_memory_bytes,
            gpu=asked.gpu,
        ),
        **asked.model_dump(exclude=own),
    )
