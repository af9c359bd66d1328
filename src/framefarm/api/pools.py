"""`/api/pools`: the workers by how far they are trusted, and how many of their slots may work."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from framefarm.api.edits import check_unchanged, pool_tag, tagged
from framefarm.farm.pools import PoolView, limit_pool, pool_named, view_pool, view_pools
from framefarm.farm.service import Farm

PoolName = Annotated[str, Path(max_length=200, description="own, friends or public.")]
_Slots = Annotated[int, Field(ge=1, le=100_000)]


class PoolChange(BaseModel):
    """What is to be different; null is no limit, and what is left out stays.

    `max_slots`: of the pool that may work at a time. `max_slots_per_user` and `max_slots_per_job`:
    of them, for the jobs of one owner, and for one job.
    """

    model_config = ConfigDict(extra="forbid")

    max_slots: _Slots | None = None
    max_slots_per_user: _Slots | None = None
    max_slots_per_job: _Slots | None = None


class PoolList(BaseModel):
    """All pools, the most trusted first."""

    pools: list[PoolView]


def routes(farm: Farm) -> APIRouter:
    """The routes of pools."""
    router = APIRouter(prefix="/api/pools", tags=["workers"])

    @router.get("")
    async def pools() -> PoolList:
        """All pools, the most trusted first: who is in them, what works, and what may."""
        return PoolList(pools=await farm.read(partial(view_pools, links=farm.roster)))

    @router.get("/{pool}")
    async def one(pool: PoolName, response: Response) -> PoolView:
        """One pool. The `ETag` is for `If-Match` where its limits are changed."""
        named = pool_named(pool)
        found = await farm.read(partial(view_pool, pool=named, links=farm.roster))
        return tagged(response, found, pool_tag)

    @router.patch("/{pool}")
    async def change(
        pool: PoolName, asked: PoolChange, request: Request, response: Response
    ) -> PoolView:
        """Change how many slots of a pool may work at a time; what works now goes on."""
        named, limits = pool_named(pool), asked.model_dump(exclude_unset=True)

        def work(connection: Connection) -> PoolView:
            links = farm.roster
            check_unchanged(request, pool_tag(view_pool(connection, named, links)))
            limit_pool(connection, named, limits)
            return view_pool(connection, named, links)

        changed = await farm.writer.write(work)
        farm.dispatcher.work_appeared()
        return tagged(response, changed, pool_tag)

    return router
