"""The files of shots: frames of whatever version they are of, the movie, all in one .zip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from framefarm.api.bodies import Number, clamped
from framefarm.api.downloads import Frames, Partial, movie_answer, zip_answer
from framefarm.api.file_answers import FileAnswer
from framefarm.api.heads import get_and_head
from framefarm.api.shot_edits import viewer_of
from framefarm.farm.downloads import What, files_of
from framefarm.farm.pages import CursorError
from framefarm.farm.service import Farm
from framefarm.farm.shot_downloads import (
    FilePlace,
    ShotFile,
    frame_file,
    shot_archive,
    shot_files,
    shot_movie,
)

_T = TypeVar("_T")
Cursor = Annotated[str, Query(max_length=100)]
Limit = Annotated[int, Query(ge=1, le=1_000)]


@dataclass(frozen=True)
class ShotFileList:
    """A page of a shot's files. `next` is the cursor of the following page."""

    files: list[ShotFile]
    next: str | None


def routes(farm: Farm) -> APIRouter:
    """The routes of shots' files."""
    router = APIRouter(prefix="/api/shots", tags=["shots"])

    async def seen(request: Request, work: Callable[..., _T], shot_id: int, **asked: object) -> _T:
        def read(connection: Connection) -> _T:
            return work(connection, shot_id, seen_by=viewer_of(request), **asked)

        return await farm.read(read)

    async def frame_of(request: Request, shot_id: int, frame: int, role: str) -> FileAnswer:
        file = await seen(request, frame_file, shot_id, frame=frame, role=role)
        return FileAnswer(farm.blobs.existing(file.sha256), name=file.name.rpartition("/")[2])

    @router.get("/{shot_id}/files")
    async def files(
        shot_id: Number, request: Request, cursor: Cursor = "", limit: Limit = 1_000
    ) -> ShotFileList:
        """A shot's frames and movie; their bytes are at `/api/blobs/{sha256}`."""
        found = await seen(request, shot_files, shot_id, after=_place(cursor), limit=limit)
        last = _cursor(found[-1][0]) if len(found) == limit else None
        return ShotFileList([file for _, file in found], last)

    @get_and_head(router, "/{shot_id}/frames/{frame}")
    async def frame(shot_id: Number, frame: Number, request: Request) -> Response:
        """A frame as it was rendered, of the newest finished version that has it."""
        return await frame_of(request, shot_id, frame, "image")

    @get_and_head(router, "/{shot_id}/frames/{frame}/thumbnail")
    async def thumbnail(shot_id: Number, frame: Number, request: Request) -> Response:
        """The same, 320 pixels at its longest side."""
        return await frame_of(request, shot_id, frame, "thumbnail")

    @get_and_head(router, "/{shot_id}/movie")
    async def movie(shot_id: Number, request: Request) -> Response:
        """The movie of the newest finished version that covers the whole shot."""
        return movie_answer(farm, await seen(request, shot_movie, shot_id))

    @get_and_head(router, "/{shot_id}/download")
    async def download(
        shot_id: Number,
        request: Request,
        what: What = "movie",
        frames: Frames | None = None,
        *,
        partial: Partial = False,
    ) -> Response:
        """A shot's movie, or its frames or both as a .zip."""
        if what == "movie" and frames is None:
            return movie_answer(farm, await seen(request, shot_movie, shot_id))
        asked = {"what": what, "frames": frames, "partial": partial}
        archive = await seen(request, shot_archive, shot_id, **asked)
        content = files_of(archive.parts, farm.blobs, farm.read_here)
        return zip_answer(archive.name, content)

    return router


def _cursor(place: FilePlace) -> str:
    number, (stage, unit, position) = place
    return f"{number}.{stage}.{unit}.{position}"


def _place(cursor: str) -> FilePlace | None:
    if not cursor:
        return None
    try:
        number, stage, unit, position = (clamped(int(part)) for part in cursor.split("."))
    except ValueError:
        raise CursorError(cursor) from None
    return number, (stage, unit, position)
