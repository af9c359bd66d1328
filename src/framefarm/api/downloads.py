"""A job's movie, or its files as one .zip that is made while it is sent."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial as bound
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from framefarm.api.bodies import Number
from framefarm.api.file_answers import FileAnswer, StreamedAnswer, attachment
from framefarm.api.heads import get_and_head
from framefarm.farm.archives import zipped
from framefarm.farm.downloads import What, archive_of, files_of, movie_file
from framefarm.farm.outputs import OutputFile
from framefarm.farm.service import Farm

Frames = Annotated[str, Query(max_length=65_536, description="Only these: `1-20,40`")]
Partial = Annotated[bool, Query(description="Take what is there, also when more is to come")]


def download_routes(farm: Farm) -> APIRouter:
    """The route of downloads."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"])

    @get_and_head(router, "/{job_id}/download")
    async def download(
        job_id: Number,
        what: What = "movie",
        frames: Frames | None = None,
        *,
        partial: Partial = False,
    ) -> Response:
        """A job's movie, or its frames or all of its files as a .zip."""
        return await answer_with(farm, job_id, what, frames, only_some=partial)

    return router


def movie_answer(farm: Farm, movie: OutputFile) -> FileAnswer:
    """A movie as an answer, which browsers play."""
    return FileAnswer(farm.blobs.existing(movie.sha256), name=movie.name.rpartition("/")[2])


def zip_answer(name: str, files: Iterable[tuple[str, Path]]) -> StreamedAnswer:
    """Files as one .zip, made while it is sent.

    Args:
        name: Of the .zip, without its ending.
        files: Name in it, and place, of each.
    """
    headers = {"Content-Disposition": attachment(f"{name}.zip")}
    return StreamedAnswer(zipped(files), media_type="application/zip", headers=headers)


async def answer_with(
    farm: Farm, job_id: int, what: What, frames: str | None, *, only_some: bool
) -> Response:
    """The files of a job; see `archive_of` for what the arguments mean.

    Raises:
        FrameFarmError: They are not there, or not all of them.
    """
    if what == "movie" and frames is None:
        return movie_answer(farm, await farm.read(bound(movie_file, job_id=job_id)))
    decide = bound(archive_of, job_id=job_id, what=what, frames=frames, partial=only_some)
    archive = await farm.read(decide)
    return zip_answer(archive.name, files_of([archive], farm.blobs, farm.read_here))
