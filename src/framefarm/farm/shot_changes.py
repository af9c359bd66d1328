"""Making, changing and deleting projects, sequences and shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    delete,
    func,
    select,
    update,
)

from framefarm.core.errors import FrameFarmError
from framefarm.core.listing import first_of, plural
from framefarm.core.states import ENDED_JOBS
from framefarm.db import tables as t
from framefarm.farm.shot_places import Place, make, project_for, sequence_for
from framefarm.farm.shots import (
    ShotFilter,
    ShotView,
    shot_rows,
    shot_view,
    shot_views,
)
from framefarm.farm.steering import find_job

MOST_AT_ONCE = 1_000


class InUseError(FrameFarmError):
    """Something cannot be deleted, since jobs belong to it, or others' things."""

    code = "in_use"


class TooManyShotsError(FrameFarmError):
    """More shots are meant than are changed in one go."""

    code = "too_many_shots"


class NoShotMatchesError(FrameFarmError):
    """No shot is meant."""

    code = "no_such_shot"


def make_project(connection: Connection, name: str, *, by: str, **values: Any) -> int:
    """Make a project.

    Raises:
        ShotNameError, NameTakenError: See `framefarm.farm.shot_places.make`.
    """
    return make(connection, t.projects, "project", name, by=by, **values)


def make_sequence(
    connection: Connection, project: str, name: str, *, by: str, **values: Any
) -> int:
    """Make a sequence, and its project where that is not there.

    Raises:
        ShotNameError, NameTakenError, ClosedError: See `framefarm.farm.shot_places.place_job`.
    """
    project_id = project_for(connection, project, by=by)
    return make(connection, t.sequences, "sequence", name, by=by, project_id=project_id, **values)


def make_shot(connection: Connection, place: Place, *, by: str, **values: Any) -> int:
    """Make a shot, with its project and sequence where those are not there.

    Raises:
        ShotNameError, NameTakenError, ClosedError: See `framefarm.farm.shot_places.place_job`.
    """
    project_id = project_for(connection, place.project, by=by)
    sequence_id = None
    if place.sequence:
        sequence_id = sequence_for(connection, project_id, place.sequence, by=by)
    parents = {"project_id": project_id, "sequence_id": sequence_id}
    return make(connection, t.shots, "shot", place.shot, by=by, **parents, **values)


def change(connection: Connection, table: Table, row_id: int, values: dict[str, Any]) -> None:
    """Change something that is there; nothing happens without values."""
    if values:
        connection.execute(update(table).where(table.c.id == row_id).values(values))


def change_shots(
    connection: Connection,
    wanted: Sequence[int] | ShotFilter,
    values: dict[str, Any],
    seen_by: str | None,
) -> list[ShotView]:
    """Change many shots: some, or all that match a filter; all of them, or none.

    Raises:
        NoSuchShotError: One of some is not there, or not for this artist.
        NoShotMatchesError: The filter lets none through.
        TooManyShotsError: They are more than are changed in one go.
    """
    if isinstance(wanted, ShotFilter):
        found = _matching(connection, replace(wanted, seen_by=seen_by))
    else:
        found = list(dict.fromkeys(wanted))
        for shot_id in found:
            shot_view(connection, shot_id, seen_by)
    if values:
        connection.execute(update(t.shots).where(t.shots.c.id.in_(found)).values(values))
    rows = connection.execute(shot_rows().where(t.shots.c.id.in_(found)).order_by(t.shots.c.id))
    return shot_views(connection, rows.all(), seen_by)


def _matching(connection: Connection, wanted: ShotFilter) -> list[int]:
    query = wanted.apply(shot_rows()).with_only_columns(t.shots.c.id)
    found = list(connection.execute(query.limit(MOST_AT_ONCE + 1)).scalars())
    if not found:
        raise NoShotMatchesError("No shot matches that; `framefarm shots` lists those there are.")
    if len(found) > MOST_AT_ONCE:
        raise TooManyShotsError(
            f"More than {MOST_AT_ONCE:,} shots match that; narrow it, for example by sequence."
        )
    return found


# --- deleting ---------------------------------------------------------------------------------


def ended_jobs(connection: Connection, table: Table, row_id: int, by: str | None) -> list[int]:
    """The jobs that go with something that is deleted.

    Args:
        by: The artist who deletes; None for whoever may delete everything.

    Raises:
        InUseError: Some have not ended, or are of others.
    """
    jobs = t.jobs.c
    rows = connection.execute(
        select(jobs.id, jobs.state, jobs.owner).where(_jobs_of(table, row_id)).order_by(jobs.id)
    ).all()
    others = [row.id for row in rows if by is not None and row.owner != by]
    if others:
        raise InUseError("Jobs of others belong to it; ask an admin.")
    going_on = [row.id for row in rows if row.state not in ENDED_JOBS]
    if going_on:
        raise _going_on(going_on)
    return [row.id for row in rows]


def check_ended(connection: Connection, job_id: int) -> None:
    """Make sure that a job, which is to go with what it belongs to, has ended.

    Raises:
        NoSuchJobError: There is no such job.
        InUseError: It has not.
    """
    if find_job(connection, job_id).state not in ENDED_JOBS:
        raise _going_on([job_id])


def _going_on(jobs: Sequence[int]) -> InUseError:
    numbers = first_of([str(job) for job in jobs])
    return InUseError(
        f"{plural(len(jobs), 'job')} of it did not end: {numbers}. Cancel them first."
    )


def remove(connection: Connection, table: Table, row_id: int, by: str | None) -> Sequence[Row[Any]]:
    """Delete a project, a sequence or a shot with all below it, unless jobs belong to it.

    Args:
        by: The artist who deletes, and only what nobody else has made; None for whoever may delete
            everything.

    Returns:
        The shots that are gone.

    Raises:
        InUseError: Jobs do, or others made something below it.
    """
    _check_below(connection, table, row_id, by)
    of = {t.projects: t.shots.c.project_id, t.sequences: t.shots.c.sequence_id}
    shots = connection.execute(shot_rows().where(of.get(table, t.shots.c.id) == row_id)).all()
    in_use = select(t.jobs.c.id).where(_jobs_of(table, row_id))
    gone = connection.execute(delete(table).where(table.c.id == row_id, ~in_use.exists()))
    if not gone.rowcount:
        count = select(func.count()).select_from(t.jobs).where(_jobs_of(table, row_id))
        jobs = plural(connection.execute(count).scalar_one(), "job")
        raise InUseError(f"{jobs} of it are there; with jobs=true those that ended go with it.")
    return shots


def _jobs_of(table: Table, row_id: int) -> ColumnElement[bool]:
    if table is t.projects:
        return t.jobs.c.project_id == row_id
    if table is t.shots:
        return t.jobs.c.shot_id == row_id
    shots = select(t.shots.c.id).where(t.shots.c.sequence_id == row_id)
    return t.jobs.c.shot_id.in_(shots)


def _check_below(connection: Connection, table: Table, row_id: int, by: str | None) -> None:
    if by is None or table is t.shots:
        return
    parent = "project_id" if table is t.projects else "sequence_id"
    below = [one for one in (t.sequences, t.shots) if parent in one.c]
    for one in below:
        others = select(one.c.id).where(one.c[parent] == row_id, one.c.created_by != by).limit(1)
        if connection.execute(others).first() is not None:
            raise InUseError(f"Others made {one.name} in it; ask an admin.")
