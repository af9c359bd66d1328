"""Where jobs belong: to a project, or to a shot of one, as its next version.

What a job names is made when it is not there, in the transaction that makes the job. Names are
compared as they are written; one that differs from another's in nothing but capitals is refused,
since the two would be one folder on some systems.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, insert, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.shots import ProjectStatus, ShotStatus, check_name, name_key
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.new_jobs import PlannedJob

DEFAULT_PRIORITY = 50


class PlaceError(FrameFarmError):
    """A job says only a part of where it belongs.

    Attributes:
        code: `shot_without_project` or `sequence_without_shot`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NameTakenError(FrameFarmError):
    """Something is called so already, or so but for capitals."""

    code = "name_taken"


class ClosedError(FrameFarmError):
    """A project is closed, or a shot omitted: no job is taken for it."""

    code = "closed"


@dataclass(frozen=True)
class Place:
    """Where a job belongs; names, empty where it says none.

    Raises:
        PlaceError: A shot comes with its project, and a sequence with a shot.
    """

    project: str = ""
    sequence: str = ""
    shot: str = ""

    def __post_init__(self) -> None:
        if self.shot and not self.project:
            text = f"Shot {self.shot[:100]!r} is of no project; name the project as well."
            raise PlaceError("shot_without_project", text)
        if self.sequence and not self.shot:
            text = f"Sequence {self.sequence[:100]!r} comes without a shot; name the shot as well."
            raise PlaceError("sequence_without_shot", text)

    @property
    def path(self) -> str:
        """As people write it: `Film/sq01/010`, or `Film/010` for one of no sequence."""
        return "/".join(part for part in (self.project, self.sequence, self.shot) if part)


@dataclass(frozen=True)
class Defaults:
    """What a shot's jobs are like, where nobody says otherwise.

    Attributes:
        frames: Such as `1001-1048`; None where the file decides.
    """

    frames: str | None = None
    priority: int = DEFAULT_PRIORITY


def defaults_of(connection: Connection, place: Place) -> Defaults:
    """What a job is like that belongs somewhere and does not say it itself.

    The priority is the shot's, else its sequence's, else its project's.
    """
    project = _exact(connection, t.projects, place.project) if place.project else None
    if project is None:
        return Defaults()
    if not place.shot:
        return Defaults(priority=_first(project.priority))
    of = _of_project(t.sequences, project.id)
    sequence = _exact(connection, t.sequences, place.sequence, of) if place.sequence else None
    inherited = (sequence.priority if sequence is not None else None, project.priority)
    shot = None
    if sequence is not None or not place.sequence:
        parent = _of_parent(project.id, sequence.id if sequence is not None else None)
        shot = _exact(connection, t.shots, place.shot, parent)
    if shot is None:
        return Defaults(priority=_first(*inherited))
    return Defaults(shot.frames, _first(shot.priority, *inherited))


def _first(*priorities: int | None) -> int:
    return next((one for one in priorities if one is not None), DEFAULT_PRIORITY)


def place_job(connection: Connection, job: PlannedJob) -> tuple[PlannedJob, int | None]:
    """Find a new job's project and shot, or make them; the job is the shot's next version.

    Returns:
        The job, and the shot if it was made.

    Raises:
        PlaceError: It says only a part of where it belongs.
        ShotNameError: It says a name that nothing may have.
        NameTakenError: It says a name that is another's but for capitals.
        ClosedError: No jobs are taken there.
    """
    place = Place(job.project, job.sequence, job.shot)
    if not place.project:
        return job, None
    project_id = project_for(connection, place.project, by=job.wishes.owner)
    if not place.shot:
        return replace(job, project_id=project_id), None
    sequence_id = None
    if place.sequence:
        sequence_id = sequence_for(connection, project_id, place.sequence, by=job.wishes.owner)
    parent = (project_id, sequence_id)
    shot_id, made = shot_for(connection, *parent, place.shot, by=job.wishes.owner)
    version = _next_version(connection, shot_id, place)
    placed = replace(job, project_id=project_id, shot_id=shot_id, version=version)
    return placed, shot_id if made else None


def project_for(connection: Connection, name: str, *, by: str) -> int:
    """The project of a name, made when it is not there.

    Raises:
        ShotNameError, NameTakenError: See `place_job`.
        ClosedError: It is closed.
    """
    found = _find(connection, t.projects, "project", name)
    if found is None:
        values = {"status": ProjectStatus.ACTIVE}
        return make(connection, t.projects, "project", name, by=by, **values)
    if found.status == ProjectStatus.CLOSED:
        raise ClosedError(f"Project {name} is closed; open it again, or name another.")
    return int(found.id)


def sequence_for(connection: Connection, project_id: int, name: str, *, by: str) -> int:
    """The sequence of a name in a project, made when it is not there.

    Raises:
        ShotNameError, NameTakenError: See `place_job`.
    """
    found = _find(connection, t.sequences, "sequence", name, _of_project(t.sequences, project_id))
    if found is not None:
        return int(found.id)
    values = {"project_id": project_id, "status": ShotStatus.WAITING}
    return make(connection, t.sequences, "sequence", name, by=by, **values)


def shot_for(
    connection: Connection, project_id: int, sequence_id: int | None, name: str, *, by: str
) -> tuple[int, bool]:
    """The shot of a name in a sequence, or in a project itself; and whether it was made now.

    Raises:
        ShotNameError, NameTakenError: See `place_job`.
    """
    found = _find(connection, t.shots, "shot", name, _of_parent(project_id, sequence_id))
    if found is not None:
        return int(found.id), False
    values = {"project_id": project_id, "sequence_id": sequence_id, "status": ShotStatus.WAITING}
    return make(connection, t.shots, "shot", name, by=by, **values), True


def make(
    connection: Connection, table: Table, what: str, name: str, *, by: str, **values: Any
) -> int:
    """Make a project, a sequence or a shot.

    Raises:
        ShotNameError: It may not be called so.
        NameTakenError: Something in the same place is, in whatever capitals.
    """
    parent = [table.c[column] == values[column] for column in _PARENTS if column in values]
    if _find(connection, table, what, name, and_(True, *parent)) is not None:  # noqa: FBT003
        raise NameTakenError(f"There is a {what} {name} already.")
    row = {"name": name, "name_key": name_key(name), "created_by": by, **values}
    row["created_at"] = database_now(connection)
    return int(connection.execute(insert(table).values(row).returning(table.c.id)).scalar_one())


_PARENTS = ("project_id", "sequence_id")


def _find(
    connection: Connection,
    table: Table,
    what: str,
    name: str,
    where: ColumnElement[bool] | None = None,
) -> Row[Any] | None:
    """What has a name; that has been seen to be a good one."""
    check_name(what, name)
    query = select(table).where(table.c.name_key == name_key(name))
    found = connection.execute(query if where is None else query.where(where)).one_or_none()
    if found is not None and found.name != name:
        raise NameTakenError(
            f"There is a {what} {found.name}; {name} differs from it in capitals only, and would "
            "be the same folder on some systems. Write it the same way, or choose another name."
        )
    return found


def _exact(
    connection: Connection, table: Table, name: str, where: ColumnElement[bool] | None = None
) -> Row[Any] | None:
    query = select(table).where(table.c.name_key == name_key(name), table.c.name == name)
    return connection.execute(query if where is None else query.where(where)).one_or_none()


def _of_project(table: Table, project_id: int) -> ColumnElement[bool]:
    return table.c.project_id == project_id


def _of_parent(project_id: int, sequence_id: int | None) -> ColumnElement[bool]:
    # `== None` is SQL's IS NULL.
    return and_(_of_project(t.shots, project_id), t.shots.c.sequence_id == sequence_id)


def _next_version(connection: Connection, shot_id: int, place: Place) -> int:
    """The number of a shot's next version, which nothing else gets."""
    counted = (
        update(t.shots)
        .where(t.shots.c.id == shot_id, t.shots.c.status != ShotStatus.OMITTED)
        .values(last_version=t.shots.c.last_version + 1)
        .returning(t.shots.c.last_version)
    )
    version: int | None = connection.execute(counted).scalar_one_or_none()
    if version is None:
        raise ClosedError(f"Shot {place.path} is omitted; give it another status first.")
    return version
