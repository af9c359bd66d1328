"""`/api/jobs`: submitting, following and steering jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from sqlalchemy import Connection

from framefarm.api.access import owner_for
from framefarm.api.bodies import (
    NO_ZERO,
    JobDeadline,
    JobLimit,
    JobPriority,
    NewJob,
    NewRenderJob,
    Number,
    PauseJob,
    RetryJob,
    clamped,
    seconds,
)
from framefarm.api.edits import check_unchanged, job_tag, says_how_it_was, tagged
from framefarm.api.file_answers import FileAnswer
from framefarm.api.guard import caller_of
from framefarm.api.heads import get_and_head
from framefarm.api.once import asked_once
from framefarm.api.planning import plan_render
from framefarm.api.server_sent import QUIET_S, STILL_HERE, server_sent, streamed
from framefarm.core.accounts import UserRole
from framefarm.core.states import ENDED_JOBS, JobState
from framefarm.farm import steering
from framefarm.farm.deadlines import set_deadline
from framefarm.farm.events import NoMore
from framefarm.farm.job_pages import JobFilter, Sort
from framefarm.farm.logs import NoSuchUnitError, fault_log, file_of_frame, job_log
from framefarm.farm.news import News
from framefarm.farm.outputs import Place
from framefarm.farm.pages import CursorError
from framefarm.farm.service import Farm
from framefarm.farm.shot_places import defaults_of
from framefarm.farm.steering import job_state
from framefarm.farm.trial_jobs import plan_trial_job
from framefarm.farm.unit_views import FileList, UnitList, files_page, units_page
from framefarm.farm.views import JobList, JobView
from framefarm.farm.why import Why, explain

_FIRST: Place = (0, -(1 << 31), -1)


Limit = Annotated[int, Query(ge=1, le=1_000)]
Text = Annotated[str, Query(max_length=200, pattern=NO_ZERO)]


async def wanted_jobs(
    *,
    state: Annotated[list[JobState] | None, Query(max_length=len(JobState))] = None,
    owner: Text | None = None,
    project: Text | None = None,
    sequence: Text | None = None,
    shot: Text | None = None,
    shot_id: Number | None = None,
    kind: Literal["render", "trial"] | None = None,
    name: Text | None = None,
) -> JobFilter:
    """The filter that a query asks for."""
    return JobFilter(tuple(state or ()), owner, project, sequence, shot, shot_id, kind, name)


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
        once = await asked_once(request, farm)
        job = job.model_copy(update={"owner": owner})
        usual = await farm.read(partial(defaults_of, place=job.place()))
        if isinstance(job, NewRenderJob):
            planned = await plan_render(farm, job.request(usual), who)
        else:
            planned = plan_trial_job(job.request(usual))
        view, new = await farm.jobs.submit(
            planned, lambda c, view, new: once.keep(c, view, status=201 if new else 200)
        )
        if not new:
            response.status_code = 200
        return view

    @router.get("")
    async def jobs(
        request: Request,
        wanted: Annotated[JobFilter, Depends(wanted_jobs)],
        sort: Sort = "-id",
        cursor: Annotated[str, Query(max_length=1_000)] = "",
        limit: Limit = 50,
    ) -> JobList:
        """Jobs that match everything asked for, newest first unless sorted; an artist's own."""
        who = caller_of(request.scope).person
        if who is not None and who.role is UserRole.ARTIST:
            wanted = replace(wanted, owner=who.name)
        return await farm.read(
            lambda c: farm.views.page(c, wanted, sort=sort, cursor=cursor, limit=limit)
        )

    @router.get("/{job_id}")
    async def job(job_id: Number, response: Response) -> JobView:
        """One job. Its `ETag` is for `If-Match` where it is steered."""
        return tagged(response, await farm.jobs.view(job_id), job_tag)

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
        return await farm.read(
            lambda c: units_page(c, job_id, kind=kind, state=state, after=after, limit=limit)
        )

    @router.get("/{job_id}/files")
    async def files(
        job_id: Number, cursor: Annotated[str, Query(max_length=60)] = "", limit: Limit = 1_000
    ) -> FileList:
        """A job's outputs; their bytes are at `/api/blobs/{sha256}`."""
        return await farm.read(lambda c: files_page(c, job_id, after=_place(cursor), limit=limit))

    @router.get("/{job_id}/log", response_class=PlainTextResponse)
    async def log(job_id: Number) -> str:
        """What went wrong: each failed attempt with the end of its log."""
        await farm.read(lambda c: job_state(c, job_id))
        return await farm.read(lambda c: job_log(c, job_id))

    @get_and_head(router, "/{job_id}/frames/{frame}/log", response_class=PlainTextResponse)
    async def frame_log(job_id: Number, frame: Number) -> Response:
        """The log of the attempt that made a frame, else of the last that failed."""
        try:
            return await _frame_file(farm, job_id, frame, "log", "text/plain; charset=utf-8")
        except NoSuchUnitError:
            text = await farm.read(lambda c: fault_log(c, job_id, frame))
            return PlainTextResponse(text)

    @get_and_head(router, "/{job_id}/frames/{frame}/thumbnail")
    async def thumbnail(job_id: Number, frame: Number) -> Response:
        """A frame, 320 pixels at its longest side."""
        return await _frame_file(farm, job_id, frame, "thumbnail")

    @get_and_head(router, "/{job_id}/frames/{frame}/image")
    async def image(job_id: Number, frame: Number) -> Response:
        """A frame as it was rendered."""
        return await _frame_file(farm, job_id, frame, "image")

    @router.get("/{job_id}/events")
    async def events(job_id: Number, request: Request) -> StreamingResponse:
        """Follow a job by server-sent events: `job`, `progress`, `unit`, `end`.

        The stream ends without `end` when the manager stops.
        """
        await farm.jobs.view(job_id)
        return streamed(_follow(farm, job_id, request))

    return router


def steering_routes(farm: Farm) -> APIRouter:  # noqa: C901  one short function for each route
    """The routes that change jobs. Asking for what is so already is no error.

    With `If-Match` they change a job only while it is as whoever asks has seen it.
    """
    router = APIRouter(prefix="/api/jobs", tags=["jobs"])

    async def steer(
        request: Request, response: Response, job_id: int, work: Callable[[Connection], News]
    ) -> JobView:
        def unless_changed(connection: Connection) -> News:
            _check(farm, request, connection, job_id)
            return work(connection)

        return tagged(response, await farm.jobs.steer(job_id, unless_changed), job_tag)

    @router.post("/{job_id}/cancel")
    async def cancel(job_id: Number, request: Request, response: Response) -> JobView:
        """Cancel a job; what is being rendered of it stops."""
        return await steer(request, response, job_id, lambda c: steering.cancel(c, job_id))

    @router.post("/{job_id}/pause")
    async def pause(
        job_id: Number,
        request: Request,
        response: Response,
        how: Annotated[PauseJob | None, Body()] = None,
    ) -> JobView:
        """Give out no more of a job."""
        at_once = how is not None and how.now
        work = partial(steering.pause, catalog=farm.catalog, job_id=job_id, at_once=at_once)
        return await steer(request, response, job_id, work)

    @router.post("/{job_id}/resume")
    async def resume(job_id: Number, request: Request, response: Response) -> JobView:
        """Go on with a paused job."""
        return await steer(request, response, job_id, lambda c: steering.resume(c, job_id))

    @router.post("/{job_id}/priority")
    async def priority(
        job_id: Number, asked: JobPriority, request: Request, response: Response
    ) -> JobView:
        """Change when a job gets its turn, from the next lease on."""
        work = partial(steering.prioritize, job_id=job_id, priority=asked.priority, kind=asked.kind)
        return await steer(request, response, job_id, work)

    @router.post("/{job_id}/limit")
    async def limit(
        job_id: Number, asked: JobLimit, request: Request, response: Response
    ) -> JobView:
        """Change how many slots may work on a job at a time, from the next lease on."""
        work = partial(steering.limit, job_id=job_id, max_workers=asked.max_workers)
        return await steer(request, response, job_id, work)

    @router.post("/{job_id}/deadline")
    async def deadline(
        job_id: Number, asked: JobDeadline, request: Request, response: Response
    ) -> JobView:
        """Change when a job is to be done."""
        work = partial(set_deadline, job_id=job_id, deadline_at=seconds(asked.deadline))
        return await steer(request, response, job_id, work)

    @router.post("/{job_id}/retry")
    async def retry(
        job_id: Number,
        request: Request,
        response: Response,
        what: Annotated[RetryJob | None, Body()] = None,
    ) -> JobView:
        """Put units back to work: those that failed or were cancelled, some frames, or all."""
        frames, everything = (what.units, what.all) if what is not None else (None, False)
        check = partial(_check, farm, request, job_id=job_id)
        view = await farm.jobs.retry(job_id, frames=frames, everything=everything, check=check)
        return tagged(response, view, job_tag)

    @router.delete("/{job_id}", status_code=204)
    async def delete(job_id: Number, request: Request, *, outputs: bool = False) -> None:
        """Delete a job; with `outputs` its files in the outputs folder as well."""
        check = partial(_check, farm, request, job_id=job_id)
        await farm.jobs.delete(job_id, outputs=outputs, check=check)

    return router


def _check(farm: Farm, request: Request, connection: Connection, job_id: int) -> None:
    if says_how_it_was(request):
        check_unchanged(request, job_tag(farm.views.one(connection, job_id)))


def _place(cursor: str) -> Place:
    if not cursor:
        return _FIRST
    try:
        stage, unit, position = (clamped(int(part)) for part in cursor.split("."))
    except ValueError:
        raise CursorError(cursor) from None
    return stage, unit, position


async def _frame_file(farm: Farm, job_id: int, frame: int, role: str, kind: str = "") -> Response:
    file = await farm.read(lambda c: file_of_frame(c, job_id, frame, role))
    name = file.name.rpartition("/")[2]
    return FileAnswer(farm.blobs.existing(file.sha256), media_type=kind, name=name)


async def _follow(farm: Farm, job_id: int, request: Request) -> AsyncIterator[bytes]:
    with farm.bus.follow(job_id) as following:
        view = await farm.jobs.view(job_id)
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
