"""`/api/blobs/{sha256}`: files by their content."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from framefarm.api.access import NotAllowedError
from framefarm.api.bodies import NO_ZERO
from framefarm.api.body_limit import LengthNeededError, announced_bytes
from framefarm.api.file_answers import FileAnswer
from framefarm.api.guard import Caller, Role, caller_of
from framefarm.api.results import Body
from framefarm.core.accounts import UserRole
from framefarm.farm.fetching import check_fetch
from framefarm.farm.own_blobs import OwnBlobList, give_up, own_blobs
from framefarm.farm.ownership import check_room, keep_owner, not_theirs
from framefarm.farm.service import Farm
from framefarm.storage import BlobTooLargeError, IncomingBlob

Whose = Annotated[str | None, Query(max_length=200, pattern=NO_ZERO)]


def routes(farm: Farm) -> APIRouter:
    """The routes of blobs."""
    router = APIRouter(prefix="/api/blobs", tags=["blobs"])

    @router.head("/{sha256}")
    async def has(sha256: str, request: Request) -> FileAnswer:
        """Whether the farm has a file, and how large it is; an artist's own."""
        answer = await _file(farm, sha256, caller_of(request.scope))
        # Who asks is about to name it in a job, and will not upload it.
        farm.blobs.touch(sha256)
        return answer

    @router.get("/{sha256}")
    async def get(sha256: str, request: Request) -> FileAnswer:
        """A file's bytes, or those of a range; a worker gets what its leases need."""
        caller = caller_of(request.scope)
        answer = await _file(farm, sha256, caller)
        link = farm.roster.get(caller.worker_id or "")
        if link is not None:
            link.files.note([sha256])
        return answer

    @router.put("/{sha256}", status_code=201)
    async def put(sha256: str, request: Request) -> Response:
        """Upload a file: 200 when the farm had it from the same person, else 201."""
        farm.blobs.path_of(sha256)
        who = caller_of(request.scope).person
        # What only others brought must come all the same, or a hash would be as good as the file.
        if farm.blobs.has(sha256) and not await not_theirs(farm, who, [sha256]):
            farm.blobs.touch(sha256)
            return Response(status_code=200)
        length = announced_bytes(request.headers)
        if length < 0:
            raise LengthNeededError
        if length > farm.settings.largest_upload_bytes:
            raise BlobTooLargeError(farm.settings.largest_upload_bytes)
        await check_room(farm, who, {sha256: length})
        with await asyncio.to_thread(farm.blobs.receive, sha256, length) as incoming:
            async for piece in Body(request).pieces():
                await asyncio.to_thread(incoming.write, piece)
            await asyncio.to_thread(_keep, incoming)
        await keep_owner(farm, who, [sha256])
        return Response(status_code=201)

    return router


def own_routes(farm: Farm) -> APIRouter:
    """The routes of one's own uploads."""
    router = APIRouter(prefix="/api/blobs", tags=["blobs"])

    @router.get("")
    async def uploads(
        request: Request,
        user: Whose = None,
        cursor: Annotated[str, Query(max_length=64, pattern=NO_ZERO)] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> OwnBlobList:
        """One's own uploads, by hash; those of `user`, for admins."""
        name = _whose(request, user)
        return await farm.read(partial(own_blobs, name=name, after=cursor, limit=limit))

    @router.delete("/{sha256}", status_code=204)
    async def remove(sha256: str, request: Request, user: Whose = None) -> None:
        """Give up an upload of one's own that no job needs; one of `user`'s, for admins.

        It counts no more against the quota at once; its bytes go within a day.
        """
        name = _whose(request, user)
        await farm.writer.write(partial(give_up, name=name, sha256=sha256))

    return router


def _whose(request: Request, user: str | None) -> str:
    """Whose uploads are meant.

    Raises:
        NotAllowedError: Nobody's in particular, or another's, which only an admin may see.
    """
    who = caller_of(request.scope).person
    if user is not None and (who is None or who.role is UserRole.ADMIN or who.name == user):
        return user
    if who is None:
        raise NotAllowedError(
            "Uploads are a person's: say whose, with `--user NAME`, or ?user=NAME by HTTP."
        )
    if user is not None:
        raise NotAllowedError(f"{who.name} sees the own uploads only.")
    return who.name


async def _file(farm: Farm, sha256: str, caller: Caller) -> FileAnswer:
    if caller.role is Role.WORKER:
        await check_fetch(farm, caller.worker_id or "", sha256)
    path = await asyncio.to_thread(farm.blobs.existing, sha256)
    return FileAnswer(path, media_type="application/octet-stream")


def _keep(incoming: IncomingBlob) -> None:
    incoming.check()
    incoming.keep()
