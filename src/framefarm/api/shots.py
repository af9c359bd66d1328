"""`/api/shots`: shots, what people say of them, and their versions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import Connection

from framefarm.api.bodies import NO_ZERO, Number
from framefarm.api.edits import check_unchanged, place_tag, tagged
from framefarm.api.once import asked_once
from framefarm.api.shot_bodies import ManyShots, NewShot, ShotChange
from framefarm.api.shot_edits import (
    check_maker,
    name_of,
    viewer_of,
)
from framefarm.core.shots import ShotStatus
from framefarm.db import tables as t
from framefarm.farm.removal import Deletion, remove_place
from framefarm.farm.service import Farm
from framefarm.farm.shot_changes import change, change_shots, make_shot
from framefarm.farm.shot_telling import MADE
from framefarm.farm.shot_versions import ShotFrames, VersionList, shot_frames, version_page
from framefarm.farm.shots import ShotFilter, ShotList, ShotView, Sort, shot_page, shot_view

Text = Annotated[str, Query(max_length=200, pattern=NO_ZERO)]
Cursor = Annotated[str, Query(max_length=1_000)]
Limit = Annotated[int, Query(ge=1, le=1_000)]


async def wanted_shots(
    *,
    project: Text | None = None,
    sequence: Text | None = None,
    shot: Text | None = None,
    status: ShotStatus | None = None,
    name: Text | None = None,
) -> ShotFilter:
    """The filter that a query asks for."""
    return ShotFilter(project, sequence, shot, status, name)


def routes(farm: Farm) -> APIRouter:
    """The routes that read shots."""
    router = APIRouter(prefix="/api/shots", tags=["shots"])

    @router.get("")
    async def shots(
        request: Request,
        wanted: Annotated[ShotFilter, Depends(wanted_shots)],
        sort: Sort = "name",
        cursor: Cursor = "",
        limit: Limit = 500,
    ) -> ShotList:
        """Shots that match everything asked for; for an artist those with own jobs, or own ones."""
        wanted = replace(wanted, seen_by=viewer_of(request))
        return await farm.read(
            partial(shot_page, wanted=wanted, sort=sort, cursor=cursor, limit=limit)
        )

    @router.get("/{shot_id}")
    async def shot(shot_id: Number, request: Request, response: Response) -> ShotView:
        """One shot. Its `ETag` is for `If-Match` where it is changed."""
        read = partial(shot_view, shot_id=shot_id, seen_by=viewer_of(request))
        return tagged(response, await farm.read(read), place_tag)

    @router.get("/{shot_id}/versions")
    async def versions(
        shot_id: Number,
        request: Request,
        before: Annotated[Number | None, Query(description="Only lower numbers")] = None,
        limit: Limit = 100,
    ) -> VersionList:
        """A shot's jobs, the newest first, and which frames of each are the shot's."""
        read = partial(version_page, shot_id=shot_id, before=before, limit=limit)
        return await farm.read(partial(read, seen_by=viewer_of(request)))

    @router.get("/{shot_id}/frames")
    async def frames(shot_id: Number, request: Request) -> ShotFrames:
        """Which version each of a shot's frames is of, and its movie.

        A frame is of the newest finished version that has it; the movie is that of the newest
        finished version that covers the shot's own range, else all frames there are.
        """
        return await farm.read(partial(shot_frames, shot_id=shot_id, seen_by=viewer_of(request)))

    return router


def editing_routes(farm: Farm) -> APIRouter:
    """The routes that change shots."""
    router = APIRouter(prefix="/api/shots", tags=["shots"])

    @router.post("", status_code=201)
    async def add(asked: NewShot, request: Request, response: Response) -> ShotView:
        """Make a shot. Submitting a job for one that is not there makes it as well."""
        once = await asked_once(request, farm)

        def work(connection: Connection) -> ShotView:
            made = make_shot(connection, asked.place, by=name_of(request), **asked.values())
            view = shot_view(connection, made)
            once.keep(connection, view)
            return view

        made = await farm.writer.write(work)
        farm.telling.shots([made.id], MADE)
        return tagged(response, made, place_tag)

    @router.post("/update")
    async def update(asked: ManyShots, request: Request) -> ShotList:
        """Change up to 1,000 shots: some, or all that are alike. All of them, or none."""

        def work(connection: Connection) -> list[ShotView]:
            return change_shots(connection, asked.wanted, asked.values(), viewer_of(request))

        changed = await farm.writer.write(work)
        farm.telling.shots([view.id for view in changed])
        return ShotList(changed, None)

    @router.patch("/{shot_id}")
    async def edit(
        shot_id: Number, asked: ShotChange, request: Request, response: Response
    ) -> ShotView:
        """Change what is said of a shot."""

        def work(connection: Connection) -> ShotView:
            check_unchanged(request, place_tag(shot_view(connection, shot_id, viewer_of(request))))
            change(connection, t.shots, shot_id, asked.values())
            return shot_view(connection, shot_id, viewer_of(request))

        changed = await farm.writer.write(work)
        farm.telling.shots([shot_id])
        return tagged(response, changed, place_tag)

    @router.delete("/{shot_id}", status_code=204)
    async def delete(
        shot_id: Number, request: Request, *, jobs: bool = False, outputs: bool = False
    ) -> None:
        """Delete a shot with its notes; refused while jobs belong to it.

        With `jobs` those that ended go with it, and with `outputs` their files as well.
        """

        def check(connection: Connection) -> None:
            view = shot_view(connection, shot_id, viewer_of(request))
            check_maker(request, view.path, view.created_by)
            check_unchanged(request, place_tag(view))

        what = Deletion(t.shots, shot_id, viewer_of(request), jobs, outputs)
        await remove_place(farm, what, check)

    return router
