"""`/api/jobs/{job}/frames`: a job's frames, each with all that is known of it."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from framefarm.api.bodies import NO_ZERO, Number
from framefarm.core.spans import Spans
from framefarm.core.states import UnitState
from framefarm.farm.frames import FrameFilter, FrameList, FrameView, frame_of, frame_page
from framefarm.farm.service import Farm


async def wanted_frames(
    state: UnitState | None = None,
    worker: Annotated[str | None, Query(max_length=200, pattern=NO_ZERO)] = None,
    frames: Annotated[
        str | None, Query(max_length=2_000, description="Only these, such as `1-100,250`.")
    ] = None,
) -> FrameFilter:
    """The filter that a query asks for.

    Raises:
        SpansError: The frames are none.
    """
    return FrameFilter(state, worker, None if frames is None else Spans.parse(frames))


def routes(farm: Farm) -> APIRouter:
    """The routes of frames."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"])

    @router.get("/{job_id}/frames")
    async def frames(
        job_id: Number,
        wanted: Annotated[FrameFilter, Depends(wanted_frames)],
        cursor: Annotated[int | None, Query(ge=-(1 << 31), lt=1 << 31)] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> FrameList:
        """Frames of a job that match everything asked for, also those that still wait."""
        work = partial(frame_page, settings=farm.settings, job_id=job_id, wanted=wanted)
        return await farm.read(lambda c: work(c, after=cursor, limit=limit))

    @router.get("/{job_id}/frames/{frame}")
    async def frame(job_id: Number, frame: Number) -> FrameView:
        """One frame: how it is, who made it, what it took, and where its files are."""
        work = partial(frame_of, settings=farm.settings, job_id=job_id, frame=frame)
        return await farm.read(work)

    return router
