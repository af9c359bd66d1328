"""What editing projects, sequences and shots has alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table
from starlette.requests import Request
from starlette.responses import Response

from framefarm.api.access import NotAllowedError
from framefarm.api.edits import place_tag
from framefarm.api.guard import caller_of
from framefarm.farm.projects import ProjectView, SequenceView
from framefarm.farm.service import Farm
from framefarm.farm.shot_changes import ended_jobs, remove
from framefarm.farm.shot_rights import seen_by
from framefarm.farm.shots import ShotView

_View = TypeVar("_View", ProjectView, SequenceView, ShotView)


def viewer_of(request: Request) -> str | None:
    """The artist whose things are all that a request is shown; None for everything."""
    return seen_by(caller_of(request.scope).person)


def name_of(request: Request) -> str:
    """Who makes a request; empty for nobody in particular, on the manager's own machine."""
    who = caller_of(request.scope).person
    return who.name if who is not None else ""


def check_maker(request: Request, what: str, made_by: str) -> None:
    """Make sure that an artist changes nothing that the artist did not make.

    Raises:
        NotAllowedError: Somebody else made it.
    """
    artist = viewer_of(request)
    if artist is not None and made_by != artist:
        raise NotAllowedError(
            f"{what} was made by {made_by or 'the manager itself'}; {artist} cannot change it so."
        )


@dataclass(frozen=True)
class Deletion:
    """What is to be deleted.

    Attributes:
        by: The artist who asks; None for whoever may delete everything.
        jobs: Whether jobs of it that ended go with it.
        outputs: Whether those jobs' files in the outputs folder go as well.
    """

    table: Table
    row_id: int
    by: str | None
    jobs: bool
    outputs: bool


async def delete_place(farm: Farm, what: Deletion, check: Callable[[Connection], None]) -> None:
    """Delete a project, a sequence or a shot; its jobs one after the other before it.

    Args:
        check: May refuse; called before anything is deleted, and again at the end.

    Raises:
        InUseError: Jobs belong to it that are not to go with it, or have not ended.
    """
    await farm.read(check)
    if what.jobs:
        jobs = await farm.read(
            partial(ended_jobs, table=what.table, row_id=what.row_id, by=what.by)
        )
        for job in jobs:
            await farm.jobs.delete(job, outputs=what.outputs)

    def work(connection: Connection) -> Sequence[Row[Any]]:
        check(connection)
        return remove(connection, what.table, what.row_id, what.by)

    farm.telling.of_shots.deleted(await farm.writer.write(work))


def tagged(response: Response, view: _View) -> _View:
    """A project, sequence or shot, with the `ETag` by which it is changed."""
    response.headers["ETag"] = place_tag(view)
    return view
