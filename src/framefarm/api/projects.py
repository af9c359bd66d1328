"""`/api/projects` and `/api/sequences`: how a production names its work."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from framefarm.api.bodies import Number
from framefarm.api.edits import check_unchanged, place_tag, tagged
from framefarm.api.once import asked_once
from framefarm.api.shot_bodies import NewProject, NewSequence, ProjectChange, SequenceChange
from framefarm.api.shot_edits import (
    check_maker,
    name_of,
    viewer_of,
)
from framefarm.api.shots import Cursor, Limit, Text
from framefarm.core.shots import ProjectStatus, ShotStatus
from framefarm.db import tables as t
from framefarm.farm.projects import (
    PlaceFilter,
    ProjectList,
    ProjectView,
    SequenceList,
    SequenceView,
    Sort,
    project_page,
    project_view,
    sequence_page,
    sequence_view,
)
from framefarm.farm.removal import Deletion, remove_place
from framefarm.farm.service import Farm
from framefarm.farm.shot_changes import change, make_project, make_sequence


def project_routes(farm: Farm) -> APIRouter:
    """The routes of projects."""
    router = APIRouter(prefix="/api/projects", tags=["shots"])

    @router.get("")
    async def projects(
        request: Request,
        *,
        status: ProjectStatus | None = None,
        name: Text | None = None,
        sort: Sort = "name",
        cursor: Cursor = "",
        limit: Limit = 500,
    ) -> ProjectList:
        """Projects; for an artist those with own jobs or shots, or made by the artist."""
        wanted = PlaceFilter(status=status, name=name, seen_by=viewer_of(request))
        return await farm.read(
            partial(project_page, wanted=wanted, sort=sort, cursor=cursor, limit=limit)
        )

    @router.post("", status_code=201)
    async def add(asked: NewProject, request: Request, response: Response) -> ProjectView:
        """Make a project. Submitting a job for one that is not there makes it as well."""
        once = await asked_once(request, farm)

        def work(connection: Connection) -> ProjectView:
            made = make_project(connection, asked.name, by=name_of(request), **asked.values())
            view = project_view(connection, made)
            once.keep(connection, view)
            return view

        return tagged(response, await farm.writer.write(work), place_tag)

    @router.get("/{project_id}")
    async def one(project_id: Number, request: Request, response: Response) -> ProjectView:
        """One project. Its `ETag` is for `If-Match` where it is changed."""
        read = partial(project_view, project_id=project_id, seen_by=viewer_of(request))
        return tagged(response, await farm.read(read), place_tag)

    @router.patch("/{project_id}")
    async def edit(
        project_id: Number, asked: ProjectChange, request: Request, response: Response
    ) -> ProjectView:
        """Change a project; an artist one that the artist made."""

        def work(connection: Connection) -> ProjectView:
            check(connection, request, project_id)
            change(connection, t.projects, project_id, asked.values())
            return project_view(connection, project_id, viewer_of(request))

        return tagged(response, await farm.writer.write(work), place_tag)

    @router.delete("/{project_id}", status_code=204)
    async def delete(
        project_id: Number, request: Request, *, jobs: bool = False, outputs: bool = False
    ) -> None:
        """Delete a project with its sequences and shots; refused while jobs belong to it.

        With `jobs` those that ended go with it, and with `outputs` their files as well.
        """
        what = Deletion(t.projects, project_id, viewer_of(request), jobs, outputs)
        await remove_place(farm, what, partial(check, request=request, project_id=project_id))

    def check(connection: Connection, request: Request, project_id: int) -> None:
        view = project_view(connection, project_id, viewer_of(request))
        check_maker(request, view.name, view.created_by)
        check_unchanged(request, place_tag(view))

    return router


def sequence_routes(farm: Farm) -> APIRouter:
    """The routes of sequences."""
    router = APIRouter(prefix="/api/sequences", tags=["shots"])

    @router.get("")
    async def sequences(
        request: Request,
        *,
        project: Text | None = None,
        status: ShotStatus | None = None,
        name: Text | None = None,
        sort: Sort = "name",
        cursor: Cursor = "",
        limit: Limit = 500,
    ) -> SequenceList:
        """Sequences; for an artist those with own shots, or made by the artist."""
        wanted = PlaceFilter(project, status, name, viewer_of(request))
        return await farm.read(
            partial(sequence_page, wanted=wanted, sort=sort, cursor=cursor, limit=limit)
        )

    @router.post("", status_code=201)
    async def add(asked: NewSequence, request: Request, response: Response) -> SequenceView:
        """Make a sequence."""
        once = await asked_once(request, farm)
        by = name_of(request)

        def work(connection: Connection) -> SequenceView:
            made = make_sequence(connection, asked.project, asked.name, by=by, **asked.values())
            view = sequence_view(connection, made)
            once.keep(connection, view)
            return view

        return tagged(response, await farm.writer.write(work), place_tag)

    @router.get("/{sequence_id}")
    async def one(sequence_id: Number, request: Request, response: Response) -> SequenceView:
        """One sequence. Its `ETag` is for `If-Match` where it is changed."""
        read = partial(sequence_view, sequence_id=sequence_id, seen_by=viewer_of(request))
        return tagged(response, await farm.read(read), place_tag)

    @router.patch("/{sequence_id}")
    async def edit(
        sequence_id: Number, asked: SequenceChange, request: Request, response: Response
    ) -> SequenceView:
        """Change a sequence; an artist one that the artist made."""

        def work(connection: Connection) -> SequenceView:
            check(connection, request, sequence_id)
            change(connection, t.sequences, sequence_id, asked.values())
            return sequence_view(connection, sequence_id, viewer_of(request))

        return tagged(response, await farm.writer.write(work), place_tag)

    @router.delete("/{sequence_id}", status_code=204)
    async def delete(
        sequence_id: Number, request: Request, *, jobs: bool = False, outputs: bool = False
    ) -> None:
        """Delete a sequence with its shots; refused while jobs belong to it.

        With `jobs` those that ended go with it, and with `outputs` their files as well.
        """
        what = Deletion(t.sequences, sequence_id, viewer_of(request), jobs, outputs)
        await remove_place(farm, what, partial(check, request=request, sequence_id=sequence_id))

    def check(connection: Connection, request: Request, sequence_id: int) -> None:
        view = sequence_view(connection, sequence_id, viewer_of(request))
        check_maker(request, view.path, view.created_by)
        check_unchanged(request, place_tag(view))

    return router
