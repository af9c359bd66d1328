"""`/api/shots/{shot_id}/notes`: what people write about shots."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from framefarm.api.access import NotAllowedError
from framefarm.api.bodies import Number
from framefarm.api.edits import check_unchanged, note_tag, tagged
from framefarm.api.guard import caller_of
from framefarm.api.once import asked_once
from framefarm.api.shot_bodies import NoteText
from framefarm.api.shot_edits import name_of, viewer_of
from framefarm.core.accounts import UserRole
from framefarm.farm import shot_notes
from framefarm.farm.service import Farm
from framefarm.farm.shot_notes import NoteList, NoteView
from framefarm.farm.shots import find_shot


def routes(farm: Farm) -> APIRouter:  # noqa: C901  one short function for each route
    """The routes of notes."""
    router = APIRouter(prefix="/api/shots", tags=["shots"])

    @router.get("/{shot_id}/notes")
    async def notes(
        shot_id: Number,
        request: Request,
        after: Number | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> NoteList:
        """What was written about a shot, the oldest first."""

        def read(connection: Connection) -> NoteList:
            find_shot(connection, shot_id, viewer_of(request))
            return shot_notes.note_page(connection, shot_id, after=after, limit=limit)

        return await farm.read(read)

    @router.post("/{shot_id}/notes", status_code=201)
    async def add(shot_id: Number, asked: NoteText, request: Request) -> NoteView:
        """Write something about a shot."""
        once = await asked_once(request, farm)

        def work(connection: Connection) -> NoteView:
            find_shot(connection, shot_id, viewer_of(request))
            made = shot_notes.add_note(connection, shot_id, name_of(request), asked.text)
            once.keep(connection, made)
            return made

        return await farm.writer.write(work)

    @router.get("/{shot_id}/notes/{note}")
    async def one(shot_id: Number, note: Number, request: Request, response: Response) -> NoteView:
        """One note. Its `ETag` is for `If-Match` where it is changed or deleted."""

        def read(connection: Connection) -> NoteView:
            find_shot(connection, shot_id, viewer_of(request))
            return shot_notes.note_view(connection, shot_id, note)

        return tagged(response, await farm.read(read), note_tag)

    @router.patch("/{shot_id}/notes/{note}")
    async def edit(
        shot_id: Number, note: Number, asked: NoteText, request: Request, response: Response
    ) -> NoteView:
        """Write something else in a note of one's own."""

        def work(connection: Connection) -> NoteView:
            find_shot(connection, shot_id, viewer_of(request))
            _check_edit(connection, request, shot_id, note, others=False)
            return shot_notes.change_note(connection, shot_id, note, asked.text)

        return tagged(response, await farm.writer.write(work), note_tag)

    @router.delete("/{shot_id}/notes/{note}", status_code=204)
    async def remove(shot_id: Number, note: Number, request: Request) -> None:
        """Delete a note of one's own; an admin any."""

        def work(connection: Connection) -> None:
            find_shot(connection, shot_id, viewer_of(request))
            _check_edit(connection, request, shot_id, note, others=True)
            shot_notes.remove_note(connection, shot_id, note)

        await farm.writer.write(work)

    return router


def _check_edit(
    connection: Connection, request: Request, shot_id: int, note: int, *, others: bool
) -> None:
    """Make sure that somebody touches an own note, or may touch that of others, as it was seen.

    Raises:
        NotAllowedError: It is another's.
        ChangedError: It says something else by now.
        NoSuchNoteError: The shot has no such note.
    """
    view = shot_notes.note_view(connection, shot_id, note)
    who = caller_of(request.scope).person
    if who is not None and who.name != view.author and not (others and who.role is UserRole.ADMIN):
        raise NotAllowedError(
            f"Note {note} is {view.author or 'of the manager itself'}'s, not {who.name}'s."
        )
    check_unchanged(request, note_tag(view))
