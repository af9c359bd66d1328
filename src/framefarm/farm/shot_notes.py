"""What people write about shots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.views import iso

MOST_NOTES = 1_000


class NoSuchNoteError(FrameFarmError):
    """A shot has no such note."""

    code = "no_such_note"

    def __init__(self, note_id: int) -> None:
        super().__init__(f"This shot has no note {note_id}.")


class TooManyNotesError(FrameFarmError):
    """A shot has as many notes as it may have (L14)."""

    code = "too_many_notes"


@dataclass(frozen=True)
class NoteView:
    """A note.

    Attributes:
        author: Who wrote it; empty for nobody in particular, on the manager's own machine.
        changed_at: When its author last changed it; None for never.
    """

    id: int
    author: str
    text: str
    created_at: str
    changed_at: str | None


@dataclass(frozen=True)
class NoteList:
    """A page of notes, the oldest first. `next` is the cursor of the following page."""

    notes: list[NoteView]
    next: int | None


def note_page(
    connection: Connection, shot_id: int, *, after: int | None = None, limit: int
) -> NoteList:
    """Notes of a shot, the oldest first, those after one."""
    query = select(t.shot_notes).where(t.shot_notes.c.shot_id == shot_id)
    if after is not None:
        query = query.where(t.shot_notes.c.id > after)
    rows = connection.execute(query.order_by(t.shot_notes.c.id).limit(limit + 1)).all()
    views = [_view(row) for row in rows[:limit]]
    return NoteList(views, views[-1].id if len(rows) > limit else None)


def add_note(connection: Connection, shot_id: int, author: str, text: str) -> NoteView:
    """Write a note.

    Raises:
        TooManyNotesError: The shot has as many as it may have.
    """
    count = select(func.count()).where(t.shot_notes.c.shot_id == shot_id)
    if connection.execute(count).scalar_one() >= MOST_NOTES:
        raise TooManyNotesError(f"This shot has {MOST_NOTES:,} notes; delete some.")
    values = {"shot_id": shot_id, "author": author, "text": text}
    values["created_at"] = database_now(connection)
    made = insert(t.shot_notes).values(values).returning(t.shot_notes)
    return _view(connection.execute(made).one())


def note_view(connection: Connection, shot_id: int, note_id: int) -> NoteView:
    """A note.

    Raises:
        NoSuchNoteError: The shot has no such note.
    """
    return _view(_find(connection, shot_id, note_id))


def change_note(connection: Connection, shot_id: int, note_id: int, text: str) -> NoteView:
    """Write something else in a note.

    Raises:
        NoSuchNoteError: The shot has no such note.
    """
    _find(connection, shot_id, note_id)
    now = database_now(connection)
    here = t.shot_notes.c.id == note_id
    connection.execute(update(t.shot_notes).where(here).values(text=text, changed_at=now))
    return note_view(connection, shot_id, note_id)


def remove_note(connection: Connection, shot_id: int, note_id: int) -> None:
    """Delete a note.

    Raises:
        NoSuchNoteError: The shot has no such note.
    """
    _find(connection, shot_id, note_id)
    connection.execute(delete(t.shot_notes).where(t.shot_notes.c.id == note_id))


def _find(connection: Connection, shot_id: int, note_id: int) -> Row[Any]:
    notes = t.shot_notes.c
    query = select(t.shot_notes).where(notes.id == note_id, notes.shot_id == shot_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NoSuchNoteError(note_id)
    return row


def _view(row: Row[Any]) -> NoteView:
    return NoteView(
        id=row.id,
        author=row.author,
        text=row.text,
        created_at=iso(row.created_at) or "",
        changed_at=iso(row.changed_at),
    )
