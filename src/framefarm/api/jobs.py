"""`/api/jobs`: submitting, following and steering jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse

from framefarm.api.access import owner_for
from framefarm.api.bodies import (
    JobPriority,
    NewJob,
    NewRenderJob,
    Number,
    PauseJob,
    RetryJob,
    clamped,
)
from framefarm.api.guard import caller_of
from framefarm.api.planning import plan_render
from framefarm.api.server_sent import QUIET_S, STILL_HERE, server_sent, streamed
from framefarm.core.accounts import UserRole
from framefarm.core.errors import FrameFarmError
from framefarm.core.states import ENDED_JOBS, JobState
from framefarm.farm import steering
from framefarm.farm.events import NoMore
from framefarm.farm.logs import NoSuchUnitError, fault_log, file_of_frame, job_log
from framefarm.farm.outputs import Place, output_files
from framefarm.farm.service import Farm
from framefarm.farm.steering import job_state
from framefarm.farm.trial_jobs import plan_trial_job
from framefarm.farm.views import FileList, FileView, JobList, JobView, UnitList, units_page
from framefarm.farm.why import Why, explain

_FIRST: Place = (0, -(1 << 31), -1)


class CursorError(FrameFarmError):
    """A page was asked for that no answer has named."""

    code = "bad_cursor"


Limit = Annotated[int, Query(ge=1, le=1_000)]


def routes(farm: Farm) -> APIRouter:  # noqa: C901  one short function for each route
    """The routes of jobs."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"])

    @router.post("", status_code=201)
    async def submit(
        job: Annotated[NewJob, Body()], request: Request, response: Response
    ) -> JobView:
        """Submit a job; with a known fingerprint the job that has it goes on (200)."""
        who = caller_of(request.scope).person
        owner = owner_for(who, job.owner)
        job = job.model_copy(update={"owner": owner})
        if isinstance(job, NewRenderJob):
            planned = await plan_render(farm, job.request(), who)
        else:
            planned = plan_trial_job(job.request())
        view, new = await farm.submit(planned)
        if not new:
            response.status_code = 200
        return view

    @router.get("")
    async def jobs(
        request: Request,
        state: JobState | None = None,
        owner: Annotated[str, Query(max_length=200)] | None = None,
        cursor: Number | None = None,
        limit: Limit = 50,
    ) -> JobList:
        """Jobs, newest first; an artist's own."""
        who = caller_of(request.scope).person
        if who is not None and who.role is UserRole.ARTIST:
            owner = who.name
        return await farm.read(
            lambda c: farm.views.page(c, state=state, owner=owner, before=cursor, limit=limit)
        )

    @router.get("/{job_id}")
    async def job(job_id: Number) -> JobView:
        """One job."""
        return await farm.view(job_id)

    @router.get("/{job_id}/why")
    async def why(job_id: Number) -> Why:
        """Why the job is not running, or not on more workers, and what would change it."""
        links = {link.worker_id: link for link in farm.roster}
        return await farm.read(lambda c: explain(c, job_id, links))

    @router.get("/{job_id}/units")
    async def units(
        job_id: Number,
        kind: Annotated[str, Query(max_length=20)] = "render",
        state: Literal["done", "failed"] = "done",
        after: Annotated[int | None, Query(ge=-(1 << 31), lt=1 << 31)] = None,
        limit: Limit = 100,
    ) -> UnitList:
        """Done or failed units of one stage."""
        await farm.read(lambda c: job_state(c, job_id))
        return await farm.read(
            lambda c: units_page(c, job_id, kind=kind, state=state, after=after, limit=limit)
        )

    @router.get("/{job_id}/files")
    async def files(
        job_id: Number, cursor: Annotated[str, Query(max_length=60)] = "", limit: Limit = 1_000
    ) -> FileList:
        """A job's outputs; their bytes are at `/api/blobs/{sha256}`."""
        await farm.read(lambda c: job_state(c, job_id))
        found = await farm.read(
            lambda c: output_files(c, job_id, after=_place(cursor), limit=limit)
        )
        last = ".".join(map(str, found[-1][0])) if len(found) == limit else None
        return FileList([FileView(**asdict(file)) for _, file in found], last)

    @router.get("/{job_id}/log", response_class=PlainTextResponse)
    async def log(job_id: Number) -> str:
        """What went wrong: each failed attempt with the end of its log."""
        await farm.read(lambda c: job_state(c, job_id))
        return await farm.read(lambda c: job_log(c, job_id))

    @router.get("/{job_id}/frames/{frame}/log", response_class=PlainTextResponse)
    async def frame_log(job_id: Number, frame: Number) -> Response:
        """The log of the attempt that made a frame, else of the last that failed."""
        try:
            return await _frame_file(farm, job_id, frame, "log", "text/plain; charset=utf-8")
        except NoSuchUnitError:
            text = await farm.read(lambda c: fault_log(c, job_id, frame))
            return PlainTextResponse(text)

    @router.get("/{job_id}/frames/{frame}/thumbnail")
    async def thumbnail(job_id: Number, frame: Number) -> Response:
        """A frame, 320 pixels at its longest side."""
        return await _frame_file(farm, job_id, frame, "thumbnail", "image/webp")

    @router.get("/{job_id}/frames/{frame}/image")
    async def image(job_id: Number, frame: Number) -> Response:
        """A frame as it was rendered."""
        return await _frame_file(farm, job_id, frame, "image", "application/octet-stream")

    @router.get("/{job_id}/events")
    async def events(job_id: Number, request: Request) -> StreamingResponse:
        """Follow a job by server-sent events: `job`, `progress`, `unit`, `end`.

        The stream ends without `end` when the manager stops.
        """
        await farm.view(job_id)
        return streamed(_follow(farm, job_id, request))

    return router


def steering_routes(farm: Farm) -> APIRouter:
    """The routes that change jobs. Asking for what is so already is no error."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"])

    @router.post("/{job_id}/cancel")
    async def cancel(job_id: Number) -> JobView:
        """Cancel a job; what is being rendered of it stops."""
        return await farm.steer(job_id, lambda c: steering.cancel(c, job_id))

    @router.post("/{job_id}/pause")
    async def pause(job_id: Number, how: Annotated[PauseJob | None, Body()] = None) -> JobView:
        """Give out no more of a job."""
        at_once = how is not None and how.now
        return await farm.steer(
            job_id, lambda c: steering.pause(c, farm.catalog, job_id, at_once=at_once)
        )

    @router.post("/{job_id}/resume")
    async def resume(job_id: Number) -> JobView:
        """Go on with a paused job."""
        return await farm.steer(job_id, lambda c: steering.resume(c, job_id))

    @router.post("/{job_id}/priority")
    async def priority(job_id: Number, asked: JobPriority) -> JobView:
        """Change when a job gets its turn, from the next lease on."""
        return await farm.steer(
            job_id, lambda c: steering.prioritize(c, job_id, asked.priority, kind=asked.kind)
        )

    @router.post("/{job_id}/retry")
    async def retry(job_id: Number, what: Annotated[RetryJob | None, Body()] = None) -> JobView:
        """Put units back to work: those that failed or were cancelled, some frames, or all."""
        frames, everything = (what.units, what.all) if what is not None else (None, False)
        return await farm.retry(job_id, frames=frames, everything=everything)

    @router.delete("/{job_id}", status_code=204)
    async def delete(job_id: Number, *, outputs: bool = False) -> None:
        """Delete a job; with `outputs` its files in the outputs folder as well."""
        await farm.delete(job_id, outputs=outputs)

    return router


def _place(cursor: str) -> Place:
    if not cursor:
        return _FIRST
    try:
        stage, unit, position = (clamped(int(part)) for part in cursor.split("."))
    except ValueError:
        raise CursorError(f"{cursor!r} is no cursor that this manager gave.") from None
    return stage, unit, position


async def _frame_file(farm: Farm, job_id: int, frame: int, role: str, kind: str) -> Response:
    file = await farm.read(lambda c: file_of_frame(c, job_id, frame, role))
    name = file.name.rpartition("/")[2]
    return FileResponse(farm.blobs.existing(file.sha256), media_type=kind, filename=name)


async def _follow(farm: Farm, job_id: int, request: Request) -> AsyncIterator[bytes]:
    with farm.bus.follow(job_id) as following:
        view = await farm.view(job_id)
        yield server_sent("job", asdict(view))
        if view.state in ENDED_JOBS:
            await farm.delivery.all_of(job_id)
            yield server_sent("end", {})
            return
        while not await request.is_disconnected():
            try:
                event = await asyncio.wait_for(following.events.get(), QUIET_S)
            except TimeoutError:
                yield STILL_HERE
                continue
            if isinstance(event, NoMore):
                return
            yield server_sent(event.kind, event.facts)
            if event.kind == "end":
                return
