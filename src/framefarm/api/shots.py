"""`/api/shots`: shots, their versions, and what is theirs of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from framefarm.api.bodies import NO_ZERO, Number
from framefarm.api.guard import caller_of
from framefarm.core.shots import ShotStatus
from framefarm.farm.service import Farm
from framefarm.farm.shot_rights import seen_by
from framefarm.farm.shots import ShotFilter, ShotList, ShotView, Sort, shot_page, shot_view

Text = Annotated[str, Query(max_length=200, pattern=NO_ZERO)]
Cursor = Annotated[str, Query(max_length=1_000)]
Limit = Annotated[int, Query(ge=1, le=1_000)]


def wanted_shots(
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
    """The routes of shots."""
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
    async def shot(shot_id: Number, request: Request) -> ShotView:
        """One shot."""
        return await farm.read(partial(shot_view, shot_id=shot_id, seen_by=viewer_of(request)))

    return router


def viewer_of(request: Request) -> str | None:
    """The artist whose things are all that a request is shown; None for everything."""
    return seen_by(caller_of(request.scope).person)
