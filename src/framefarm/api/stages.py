"""`/api/jobs/{job}/stages`: the steps of a job, how far each is and when it ends."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from framefarm.api.bodies import NO_ZERO, Number
from framefarm.farm.service import Farm
from framefarm.farm.views import StageList, StageView

Kind = Annotated[
    str, Path(max_length=20, pattern=NO_ZERO, description="`render`, `movie`, `join` or `trial`.")
]


def routes(farm: Farm) -> APIRouter:
    """The routes of stages."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"])

    @router.get("/{job_id}/stages")
    async def stages(job_id: Number) -> StageList:
        """All stages of a job in their order, each with where its units are."""
        return StageList((await farm.jobs.view(job_id)).stages)

    @router.get("/{job_id}/stages/{kind}")
    async def stage(job_id: Number, kind: Kind) -> StageView:
        """One stage of a job."""
        return await farm.read(lambda c: farm.views.stage(c, job_id, kind))

    return router
