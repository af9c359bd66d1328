"""`/api/sessions`: how many workers a job gets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Connection

from framefarm.api.access import check_own_job
from framefarm.api.bodies import Number
from framefarm.api.edits import check_unchanged, says_how_it_was, session_tag, tagged
from framefarm.api.guard import caller_of
from framefarm.api.once import asked_once
from framefarm.core.accounts import UserRole
from framefarm.farm import sessions as farm_sessions
from framefarm.farm.service import Farm
from framefarm.farm.session_views import (
    SessionFilter,
    SessionList,
    SessionView,
    session_page,
    session_view,
)
from framefarm.farm.worker_names import find_worker

_MOST_NAMED = 1_000
Limit = Annotated[int, Query(ge=1, le=1_000)]
_Many = Annotated[int, Field(ge=1, le=farm_sessions.MOST_WORKERS)]
_Text = Annotated[str, Field(min_length=1, max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewSession(_Body):
    """How many workers a job is to have.

    Attributes:
        wait: Give out nothing of the job before it has all of them; else it begins with fewer.
        prefetch: Send the job's files to who joins at once, and not with the first frame.
    """

    job: Number
    workers: _Many
    wait: bool = False
    prefetch: bool = True


class MoreWorkers(_Body):
    """How many more."""

    workers: _Many


class SomeWorkers(_Body):
    """Which workers of a session: by their names or ids, or all of them."""

    workers: Annotated[list[_Text], Field(max_length=_MOST_NAMED)] = []
    all: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> SomeWorkers:
        if bool(self.workers) is self.all:
            raise ValueError("say which workers: by `workers`, or `all` of them")
        return self

    def ids(self, connection: Connection, session_id: int) -> list[str]:
        """Their ids.

        Raises:
            NoSuchWorkerError: One is not there.
            AmbiguousWorkerError: Several have a name.
            FrameFarmError: There is no such session, or it has ended.
        """
        farm_sessions.open_session(connection, session_id)
        if self.all:
            return farm_sessions.members_of(connection, session_id)
        return [str(find_worker(connection, name).id) for name in self.workers]


def routes(farm: Farm) -> APIRouter:  # noqa: C901  one short function for each route
    """The routes of sessions."""
    router = APIRouter(prefix="/api/sessions", tags=["sessions"])

    def view(connection: Connection, session_id: int) -> SessionView:
        return session_view(connection, farm.roster.get, session_id)

    def check(connection: Connection, request: Request, session_id: int) -> None:
        if says_how_it_was(request):
            check_unchanged(request, session_tag(view(connection, session_id)))

    @router.post("", status_code=201)
    async def ask(asked: NewSession, request: Request, response: Response) -> SessionView:
        """Ask for workers for a job; says whom it has at once, and whether they are enough."""
        who = caller_of(request.scope).person
        once = await asked_once(request, farm)

        def work(connection: Connection) -> int:
            check_own_job(connection, who, asked.job)
            how = {"waits": asked.wait, "prefetch": asked.prefetch}
            return farm_sessions.ask(connection, asked.job, asked.workers, **how)

        def answer(connection: Connection, session_id: int) -> SessionView:
            made = view(connection, session_id)
            once.keep(connection, made, status=201)
            return made

        return tagged(response, await farm.sessions.change(work, answer), session_tag)

    @router.get("")
    async def listed(
        request: Request,
        job: Number | None = None,
        ended: bool | None = None,  # noqa: FBT001  FastAPI's way
        cursor: Number | None = None,
        limit: Limit = 50,
    ) -> SessionList:
        """Sessions, newest first; an artist's own."""
        who = caller_of(request.scope).person
        own = who.name if who is not None and who.role is UserRole.ARTIST else None
        wanted = SessionFilter(job, own, ended)
        return await farm.read(
            lambda c: session_page(c, farm.roster.get, wanted, before=cursor, limit=limit)
        )

    @router.get("/{session_id}")
    async def session(session_id: Number, response: Response) -> SessionView:
        """One session. Its `ETag` is for `If-Match` where it is changed."""
        return tagged(response, await farm.read(lambda c: view(c, session_id)), session_tag)

    @router.post("/{session_id}/more")
    async def more(
        session_id: Number, asked: MoreWorkers, request: Request, response: Response
    ) -> SessionView:
        """Ask for more workers, also while the job runs."""

        def work(connection: Connection) -> int:
            check(connection, request, session_id)
            farm_sessions.ask_for_more(connection, session_id, asked.workers)
            return session_id

        return tagged(response, await farm.sessions.change(work, view), session_tag)

    @router.post("/{session_id}/release")
    async def release(
        session_id: Number, asked: SomeWorkers, request: Request, response: Response
    ) -> SessionView:
        """Let workers go; with the last of them the session ends. What they are at they end."""

        def work(connection: Connection) -> int:
            check(connection, request, session_id)
            ids = asked.ids(connection, session_id)
            farm_sessions.release(connection, session_id, ids)
            return session_id

        return tagged(response, await farm.sessions.change(work, view), session_tag)

    @router.post("/{session_id}/prefetch")
    async def prefetch(
        session_id: Number, asked: SomeWorkers, request: Request, response: Response
    ) -> SessionView:
        """Send the job's files to workers of it now, ahead of their first frame.

        With `all` also to those that join later. Who has them says so: `has_files`, and an event.
        """

        def work(connection: Connection) -> list[str]:
            check(connection, request, session_id)
            ids = asked.ids(connection, session_id)
            farm_sessions.check_members(connection, session_id, ids)
            if asked.all:
                farm_sessions.want_files(connection, session_id)
            return ids

        await farm.prefetching.send(await farm.writer.write(work), again=True)
        return tagged(response, await farm.read(lambda c: view(c, session_id)), session_tag)

    @router.delete("/{session_id}", status_code=204)
    async def delete(session_id: Number, request: Request) -> None:
        """End a session, and forget it; its job goes on like one that never asked for workers."""

        def work(connection: Connection) -> None:
            check(connection, request, session_id)
            farm_sessions.forget(connection, session_id)

        await farm.sessions.change(work, lambda _, made: made)

    return router
