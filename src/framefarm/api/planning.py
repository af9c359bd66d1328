"""Planning what was asked for, off the event loop."""

from __future__ import annotations

import asyncio

from framefarm.blender.errors import BlendFileError
from framefarm.farm.new_jobs import PlannedJob
from framefarm.farm.render_jobs import RenderRequest, plan_render_job
from framefarm.farm.service import Farm


async def plan_render(farm: Farm, request: RenderRequest) -> PlannedJob:
    """Plan the rendering of a .blend that was uploaded before.

    Raises:
        BlobMissingError: It was not.
        FrameFarmError: See `plan_render_job`.
    """
    path = farm.blobs.existing(request.blend_sha256)
    farm.blobs.touch(request.blend_sha256)
    versions = farm.roster.blender_versions()
    try:
        return await asyncio.to_thread(plan_render_job, request, path, versions=versions)
    except BlendFileError as error:
        # Where it lies here is nothing that its owner knows, or needs to.
        raise error.called(request.blend_name) from error
