"""Who sees which projects, sequences and shots.

Jobs of others are hidden from artists, so an artist sees what own jobs belong to, and what the
artist made. Names are no secret: anybody who hands in jobs may name any project or shot, and is
told when a name is taken.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, select, true

from framefarm.core.accounts import UserRole
from framefarm.db import tables as t
from framefarm.farm.accounts import Identity


def seen_by(who: Identity | None) -> str | None:
    """The artist whose things are all that is shown to somebody; None for everything."""
    return who.name if who is not None and who.role is UserRole.ARTIST else None


def owned_by(artist: str | None) -> ColumnElement[bool]:
    """Jobs that an artist sees; all for None."""
    return true() if artist is None else t.jobs.c.owner == artist


def seen_shots(artist: str | None) -> ColumnElement[bool]:
    """Shots that an artist sees; all for None."""
    if artist is None:
        return true()
    own = select(t.jobs.c.id).where(t.jobs.c.shot_id == t.shots.c.id, owned_by(artist))
    return or_(t.shots.c.created_by == artist, own.exists())


def seen_sequences(artist: str | None) -> ColumnElement[bool]:
    """Sequences that an artist sees; all for None."""
    if artist is None:
        return true()
    shots = select(t.shots.c.id).where(
        t.shots.c.sequence_id == t.sequences.c.id, seen_shots(artist)
    )
    return or_(t.sequences.c.created_by == artist, shots.exists())


def seen_projects(artist: str | None) -> ColumnElement[bool]:
    """Projects that an artist sees; all for None."""
    if artist is None:
        return true()
    project = t.projects.c.id
    own = select(t.jobs.c.id).where(t.jobs.c.project_id == project, owned_by(artist))
    made = [
        select(table.c.id).where(table.c.project_id == project, table.c.created_by == artist)
        for table in (t.sequences, t.shots)
    ]
    return or_(t.projects.c.created_by == artist, own.exists(), *(query.exists() for query in made))
