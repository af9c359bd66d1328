"""`/api/leases`: who is at what, and taking it back."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from framefarm.api.access import check_own_job
from framefarm.api.bodies import NO_ZERO, Number
from framefarm.api.guard import caller_of
from framefarm.core.accounts import UserRole
from framefarm.core.requirements import Pool
from framefarm.farm.lease_pages import (
    LeaseFilter,
    LeaseList,
    LeaseView,
    lease_page,
    lease_view,
)
from framefarm.farm.recalls import recall
from framefarm.farm.service import Farm

_Text = Annotated[str, Query(max_length=200, pattern=NO_ZERO)]
LeaseId = Annotated[str, Path(max_length=200, pattern=NO_ZERO)]


async def wanted_leases(
    job: Number | None = None,
    worker: _Text | None = None,
    pool: Pool | None = None,
    owner: _Text | None = None,
) -> LeaseFilter:
    """The filter that a query asks for."""
    return LeaseFilter(job, worker, pool, owner)


def routes(farm: Farm) -> APIRouter:
    """The routes of leases."""
    router = APIRouter(prefix="/api/leases", tags=["jobs"])

    @router.get("")
    async def leases(
        request: Request,
        wanted: Annotated[LeaseFilter, Depends(wanted_leases)],
        cursor: _Text = "",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> LeaseList:
        """Leases in force that match everything asked for, oldest first; an artist's own."""
        who = caller_of(request.scope).person
        if who is not None and who.role is UserRole.ARTIST:
            wanted = replace(wanted, owner=who.name)
            if wanted.job is not None:
                await farm.read(partial(check_own_job, who=who, job_id=wanted.job))
        return await farm.read(lambda c: lease_page(c, wanted, after=cursor, limit=limit))

    @router.get("/{lease}")
    async def lease(lease: LeaseId) -> LeaseView:
        """One lease in force."""
        return await farm.read(partial(lease_view, lease_id=lease))

    @router.delete("/{lease}", status_code=204)
    async def take_back(lease: LeaseId) -> None:
        """Take a lease back: its worker stops, and what is left of it is given out again.

        It costs neither the worker nor the units anything. Who asks first gets them next, which may
        be the same worker, unless it is disabled.
        """
        await farm.change(partial(recall, catalog=farm.catalog, lease_id=lease))

    return router
