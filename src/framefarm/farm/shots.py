"""Shots as the API shows them, and choosing some of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, and_, func, select

from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t
from framefarm.farm.pages import Order, page_of
from framefarm.farm.shot_rights import owned_by, seen_shots
from framefarm.farm.views import iso

Sort = Literal["name", "-name", "id", "-id", "status", "-status", "project", "-project"]


class NoSuchShotError(FrameFarmError):
    """There is no shot with that number."""

    code = "no_such_shot"

    def __init__(self, shot_id: int) -> None:
        super().__init__(f"There is no shot {shot_id}; `framefarm shots` lists those there are.")


@dataclass(frozen=True)
class NewestVersion:
    """How far the newest version of a shot is; counts are frames."""

    version: int
    job: int
    state: str
    done: int
    failed: int
    total: int


@dataclass(frozen=True)
class ShotView:
    """A shot.

    Attributes:
        sequence: Empty for a shot of no sequence.
        path: `project/sequence/shot`, or `project/shot`.
        status: What people say of it.
        frames: Its range; its jobs render it where they name no other. None where none was said.
        priority: Of its jobs, where they name no other; None for that of its sequence or project.
        versions: How many there are.
        newest: What the newest of them does; None where there is none.
    """

    id: int
    project_id: int
    sequence_id: int | None
    project: str
    sequence: str
    name: str
    path: str
    status: str
    frames: str | None
    priority: int | None
    description: str
    created_by: str
    created_at: str
    versions: int
    newest: NewestVersion | None


@dataclass(frozen=True)
class ShotList:
    """A page of shots. `next` is the cursor of the following page."""

    shots: list[ShotView]
    next: int | str | None


@dataclass(frozen=True)
class ShotFilter:
    """Which shots are meant: those that match everything given.

    Attributes:
        project, sequence, shot: By name, as it is written; an empty sequence is none.
        name: Part of the shot's name; capitals count as SQL's `LIKE` has them count.
        first, last: From this name to that one, as text is sorted.
        seen_by: Only what this artist may see; None for everything.
    """

    project: str | None = None
    sequence: str | None = None
    shot: str | None = None
    status: str | None = None
    name: str | None = None
    first: str | None = None
    last: str | None = None
    seen_by: str | None = None

    def apply(self, query: Select[Any]) -> Select[Any]:
        """The same of a query's shots, which has their projects and sequences joined."""
        shots = t.shots.c
        wanted = {
            t.projects.c.name: self.project,
            func.coalesce(t.sequences.c.name, ""): self.sequence,
            shots.name: self.shot,
            shots.status: self.status,
        }
        for column, value in wanted.items():
            if value is not None:
                query = query.where(column == value)
        if self.name is not None:
            query = query.where(shots.name.icontains(self.name, autoescape=True))
        if self.first is not None:
            query = query.where(shots.name >= self.first)
        if self.last is not None:
            query = query.where(shots.name <= self.last)
        return query.where(seen_shots(self.seen_by))


def shot_rows() -> Select[Any]:
    """Shots with the names of their projects and sequences."""
    return (
        select(
            t.shots,
            t.projects.c.name.label("project"),
            func.coalesce(t.sequences.c.name, "").label("sequence"),
        )
        .join(t.projects, t.projects.c.id == t.shots.c.project_id)
        .join(t.sequences, t.sequences.c.id == t.shots.c.sequence_id, isouter=True)
    )


def shot_page(
    connection: Connection,
    wanted: ShotFilter,
    *,
    sort: Sort = "name",
    cursor: str = "",
    limit: int,
) -> ShotList:
    """Some shots, and the cursor of the page after them; see `page_of`.

    Raises:
        CursorError: The cursor is none.
    """
    by = sort.removeprefix("-")
    column = t.projects.c.name if by == "project" else t.shots.c[by]
    order = Order(column, t.shots.c.id, by, down=sort.startswith("-"))
    query = wanted.apply(shot_rows())
    rows, following = page_of(connection, query, order, cursor=cursor, limit=limit)
    return ShotList(shot_views(connection, rows, wanted.seen_by), following)


def shot_view(connection: Connection, shot_id: int, seen_by: str | None = None) -> ShotView:
    """A shot, as somebody sees it.

    Raises:
        NoSuchShotError: There is none that this artist may see.
    """
    return shot_views(connection, [find_shot(connection, shot_id, seen_by)], seen_by)[0]


def find_shot(connection: Connection, shot_id: int, seen_by: str | None = None) -> Row[Any]:
    """A shot's row, with the names of its project and sequence.

    Raises:
        NoSuchShotError: There is none that this artist may see.
    """
    query = shot_rows().where(t.shots.c.id == shot_id, seen_shots(seen_by))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NoSuchShotError(shot_id)
    return row


def path_of(row: Row[Any]) -> str:
    """A shot as people write it: `Film/sq01/010`, or `Film/010` for one of no sequence."""
    return "/".join(part for part in (row.project, row.sequence, row.name) if part)


def shot_views(
    connection: Connection, rows: Sequence[Row[Any]], seen_by: str | None
) -> list[ShotView]:
    """Shots as somebody sees them."""
    newest = _newest(connection, [row.id for row in rows], seen_by)
    return [_view(row, newest.get(row.id)) for row in rows]


def _newest(
    connection: Connection, shot_ids: Sequence[int], seen_by: str | None
) -> dict[int, Row[Any]]:
    """Of each shot: how many versions there are, and the newest one's job with its counters."""
    jobs = t.jobs.c
    counted = (
        select(
            jobs.shot_id,
            func.count().label("versions"),
            func.max(jobs.version).label("version"),
        )
        .where(jobs.shot_id.in_(shot_ids), owned_by(seen_by))
        .group_by(jobs.shot_id)
        .subquery()
    )
    stages = t.stages.c
    is_newest = and_(jobs.shot_id == counted.c.shot_id, jobs.version == counted.c.version)
    first = and_(stages.job_id == jobs.id, stages.position == 0)
    query = select(
        counted, jobs.id.label("job"), jobs.state, stages.done, stages.failed, stages.total
    )
    rows = connection.execute(query.join(t.jobs, is_newest).join(t.stages, first)).all()
    return {row.shot_id: row for row in rows}


def _view(row: Row[Any], newest: Row[Any] | None) -> ShotView:
    return ShotView(
        id=row.id,
        project_id=row.project_id,
        sequence_id=row.sequence_id,
        project=row.project,
        sequence=row.sequence,
        name=row.name,
        path=path_of(row),
        status=row.status,
        frames=row.frames,
        priority=row.priority,
        description=row.description,
        created_by=row.created_by,
        created_at=iso(row.created_at) or "",
        versions=newest.versions if newest is not None else 0,
        newest=NewestVersion(
            newest.version, newest.job, newest.state, newest.done, newest.failed, newest.total
        )
        if newest is not None
        else None,
    )
