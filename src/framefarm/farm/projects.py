"""Projects and sequences as the API shows them, and choosing some of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, Table, func, select

from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t
from framefarm.farm.pages import Order, page_of
from framefarm.farm.shot_rights import seen_projects, seen_sequences, seen_shots
from framefarm.farm.views import iso

Sort = Literal["name", "-name", "id", "-id", "status", "-status"]


class NoSuchProjectError(FrameFarmError):
    """There is no project with that number."""

    code = "no_such_project"

    def __init__(self, project_id: int) -> None:
        super().__init__(
            f"There is no project {project_id}; `framefarm projects` lists those there are."
        )


class NoSuchSequenceError(FrameFarmError):
    """There is no sequence with that number."""

    code = "no_such_sequence"

    def __init__(self, sequence_id: int) -> None:
        super().__init__(f"There is no sequence {sequence_id}.")


@dataclass(frozen=True)
class ProjectView:
    """A project.

    Attributes:
        priority: Of its jobs, where neither they nor their shots say another.
        shots: How many there are.
    """

    id: int
    name: str
    status: str
    priority: int | None
    description: str
    created_by: str
    created_at: str
    shots: int


@dataclass(frozen=True)
class ProjectList:
    """A page of projects. `next` is the cursor of the following page."""

    projects: list[ProjectView]
    next: int | str | None


@dataclass(frozen=True)
class SequenceView:
    """A sequence; otherwise as a project. `path` is `project/sequence`."""

    id: int
    project_id: int
    project: str
    name: str
    path: str
    status: str
    priority: int | None
    description: str
    created_by: str
    created_at: str
    shots: int


@dataclass(frozen=True)
class SequenceList:
    """A page of sequences. `next` is the cursor of the following page."""

    sequences: list[SequenceView]
    next: int | str | None


@dataclass(frozen=True)
class PlaceFilter:
    """Which projects or sequences are meant: those that match everything given.

    Attributes:
        project: The sequences' project by name, as it is written.
        name: Part of the name; capitals count as SQL's `LIKE` has them count.
        seen_by: Only what this artist may see; None for everything.
    """

    project: str | None = None
    status: str | None = None
    name: str | None = None
    seen_by: str | None = None


def project_page(
    connection: Connection,
    wanted: PlaceFilter,
    *,
    sort: Sort = "name",
    cursor: str = "",
    limit: int,
) -> ProjectList:
    """Some projects, and the cursor of the page after them; see `page_of`.

    Raises:
        CursorError: The cursor is none.
    """
    query = _project_rows(wanted.seen_by)
    rows, following = _page(
        connection, query, t.projects, wanted, sort=sort, cursor=cursor, limit=limit
    )
    return ProjectList([_project(row) for row in rows], following)


def project_view(
    connection: Connection, project_id: int, seen_by: str | None = None
) -> ProjectView:
    """A project, as somebody sees it.

    Raises:
        NoSuchProjectError: There is none that this artist may see.
    """
    query = _project_rows(seen_by).where(t.projects.c.id == project_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NoSuchProjectError(project_id)
    return _project(row)


def sequence_page(
    connection: Connection,
    wanted: PlaceFilter,
    *,
    sort: Sort = "name",
    cursor: str = "",
    limit: int,
) -> SequenceList:
    """Some sequences, and the cursor of the page after them; see `page_of`.

    Raises:
        CursorError: The cursor is none.
    """
    query = _sequence_rows(wanted.seen_by)
    if wanted.project is not None:
        query = query.where(t.projects.c.name == wanted.project)
    rows, following = _page(
        connection, query, t.sequences, wanted, sort=sort, cursor=cursor, limit=limit
    )
    return SequenceList([_sequence(row) for row in rows], following)


def sequence_view(
    connection: Connection, sequence_id: int, seen_by: str | None = None
) -> SequenceView:
    """A sequence, as somebody sees it.

    Raises:
        NoSuchSequenceError: There is none that this artist may see.
    """
    query = _sequence_rows(seen_by).where(t.sequences.c.id == sequence_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NoSuchSequenceError(sequence_id)
    return _sequence(row)


def _page(
    connection: Connection,
    query: Select[Any],
    table: Table,
    wanted: PlaceFilter,
    *,
    sort: Sort,
    cursor: str,
    limit: int,
) -> tuple[list[Row[Any]], int | str | None]:
    """Rows of projects or sequences of this status and name, and the cursor of the page after."""
    if wanted.status is not None:
        query = query.where(table.c.status == wanted.status)
    if wanted.name is not None:
        query = query.where(table.c.name.icontains(wanted.name, autoescape=True))
    by = sort.removeprefix("-")
    order = Order(table.c[by], table.c.id, by, down=sort.startswith("-"))
    return page_of(connection, query, order, cursor=cursor, limit=limit)


def _project_rows(seen_by: str | None) -> Select[Any]:
    shots = select(func.count()).where(t.shots.c.project_id == t.projects.c.id, seen_shots(seen_by))
    counted = shots.select_from(t.shots).scalar_subquery().label("shots")
    return select(t.projects, counted).where(seen_projects(seen_by))


def _sequence_rows(seen_by: str | None) -> Select[Any]:
    shots = select(func.count()).where(
        t.shots.c.sequence_id == t.sequences.c.id, seen_shots(seen_by)
    )
    counted = shots.select_from(t.shots).scalar_subquery().label("shots")
    return (
        select(t.sequences, t.projects.c.name.label("project"), counted)
        .join(t.projects, t.projects.c.id == t.sequences.c.project_id)
        .where(seen_sequences(seen_by))
    )


def _project(row: Row[Any]) -> ProjectView:
    return ProjectView(
        id=row.id,
        name=row.name,
        status=row.status,
        priority=row.priority,
        description=row.description,
        created_by=row.created_by,
        created_at=iso(row.created_at) or "",
        shots=row.shots,
    )


def _sequence(row: Row[Any]) -> SequenceView:
    return SequenceView(
        id=row.id,
        project_id=row.project_id,
        project=row.project,
        name=row.name,
        path=f"{row.project}/{row.name}",
        status=row.status,
        priority=row.priority,
        description=row.description,
        created_by=row.created_by,
        created_at=iso(row.created_at) or "",
        shots=row.shots,
    )
