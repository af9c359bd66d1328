"""Which files of a job are to be downloaded, and whether they are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, select

from framefarm.core.errors import FrameFarmError
from framefarm.core.listing import are, plural
from framefarm.core.naming import safe_name
from framefarm.core.side_by_side import SideBySide
from framefarm.core.spans import Spans
from framefarm.core.states import ENDED_JOBS, JobState
from framefarm.db import tables as t
from framefarm.farm.outputs import OutputFile, Place, output_files
from framefarm.farm.steering import find_job
from framefarm.storage import BlobFolder

Page = list[tuple[Place, OutputFile]]
ReadPage = Callable[[Callable[[Connection], Page]], Page]
"""Runs a function on a connection for reading."""

_AT_A_TIME = 1_000
_LAST_POSITION = 1 << 31

What = Literal["movie", "frames", "all"]


class NotReadyError(FrameFarmError):
    """What was asked for is not there yet."""

    code = "not_ready"


class IncompleteError(FrameFarmError):
    """What was asked for is not there, and will not be without a retry."""

    code = "incomplete"


class NoMovieError(FrameFarmError):
    """The job makes no movie."""

    code = "no_movie"


class NoSuchFramesError(FrameFarmError):
    """The job has none of the frames."""

    code = "no_such_frames"


@dataclass(frozen=True)
class Archive:
    """What goes into an archive.

    Attributes:
        name: Of the archive, without ending.
        stage_id: The only stage whose files go into it; None for all.
        frames: The only units of it; None for all.
        elsewhere: The folder of files whose names others before them have.
    """

    job_id: int
    name: str
    stage_id: int | None
    frames: Spans | None
    elsewhere: str = "more"


def movie_file(connection: Connection, job_id: int) -> OutputFile:
    """A job's movie.

    Raises:
        NoSuchJobError: There is no such job.
        NoMovieError: It makes none.
        NotReadyError: It is not there yet.
        IncompleteError: The job ended without it.
    """
    job = find_job(connection, job_id)
    join = _stage(connection, job_id, "join")
    if join is None:
        raise NoMovieError(f"Job {job_id} makes no movie; ask for its frames: ?what=frames")
    row = connection.execute(
        select(t.files).where(t.files.c.stage_id == join.id, t.files.c.role == "movie")
    ).first()
    if row is None:
        raise _missing(job, "the movie is not made")
    return OutputFile(row.name, row.role, row.sha256, row.size_bytes, row.unit)


def archive_of(
    connection: Connection, job_id: int, what: What, frames: str | None, *, partial: bool
) -> Archive:
    """Decide on an archive.

    Args:
        what: `frames`, or `all` for the movie as well.
        frames: Only these, such as `1-20`.
        partial: Whether those that are there will do.

    Raises:
        NoSuchJobError: There is no such job.
        NoSuchFramesError: It has none of the frames.
        SpansError: The frames are not to be understood.
        NotReadyError: Some are not there yet.
        IncompleteError: Some are not there, and the job ended.
    """
    job = find_job(connection, job_id)
    first = connection.execute(
        select(t.stages).where(t.stages.c.job_id == job_id, t.stages.c.position == 0)
    ).one()
    asked = _asked(first, frames)
    if not partial:
        there = first.done if frames is None else _count(connection, first.id, asked)
        if there < len(asked):
            missing = len(asked) - there
            of_all = f"{missing:,} of {plural(len(asked), 'frame')}"
            raise _missing(job, f"{of_all} {are(missing)} not there")
        if what == "all" and frames is None and job.state != JobState.DONE:
            raise _missing(job, "it is not done")
    only = first.id if what == "frames" or frames is not None else None
    return Archive(job_id, safe_name(job.name), only, asked if frames is not None else None)


def files_of(
    archives: Iterable[Archive], blobs: BlobFolder, read: ReadPage
) -> Iterator[tuple[str, Path]]:
    """The names and places of what goes into an archive, read a thousand at a time. Blocks.

    No two names are the same to any system: who comes first keeps its own.

    Args:
        archives: What goes into it, in this order.
        blobs: Where the bytes are.
        read: Runs a function on a connection.

    Raises:
        BlobMissingError: One was deleted meanwhile.
    """
    names = SideBySide()
    for archive in archives:
        for file in _files(archive, read):
            yield names.take(file.name, archive.elsewhere), blobs.existing(file.sha256)


def _files(archive: Archive, read: ReadPage) -> Iterator[OutputFile]:
    after: Place = (0, -(1 << 31), -1)
    if archive.stage_id is not None:
        start = archive.frames.first if archive.frames is not None else -(1 << 31)
        after = (archive.stage_id, start - 1, _LAST_POSITION)
    while page := read(_page(archive.job_id, after)):
        for place, file in page:
            if archive.stage_id not in {None, place[0]}:
                return
            if archive.frames is not None and file.unit > archive.frames.last:
                return
            if archive.frames is None or file.unit in archive.frames:
                yield file
        after = page[-1][0]


def _page(job_id: int, after: Place) -> Callable[[Connection], Page]:
    return lambda connection: output_files(connection, job_id, after=after, limit=_AT_A_TIME)


def _stage(connection: Connection, job_id: int, kind: str) -> Row[Any] | None:
    return connection.execute(
        select(t.stages).where(t.stages.c.job_id == job_id, t.stages.c.kind == kind)
    ).first()


def _asked(stage: Row[Any], frames: str | None) -> Spans:
    units = Spans.restore(stage.units)
    if frames is None:
        return units
    asked = Spans.parse(frames)
    outside = asked.difference(units)
    if outside:
        raise NoSuchFramesError(f"This job has no frames {outside}; it has {units}.")
    return asked


def _count(connection: Connection, stage_id: int, units: Spans) -> int:
    """How many of these units are done."""
    results = t.results.c
    return sum(
        connection.execute(
            select(func.count())
            .select_from(t.results)
            .where(
                results.stage_id == stage_id,
                results.unit.between(span.first, span.last),
                (results.unit - span.first) % span.step == 0,
            )
        ).scalar_one()
        for span in units.spans
    )


def _missing(job: Row[Any], what: str) -> FrameFarmError:
    if job.state in ENDED_JOBS:
        return IncompleteError(
            f"Job {job.id} is {job.state}: {what}. `framefarm retry {job.id}` makes what is "
            f"missing; partial=true takes the frames that are there."
        )
    return NotReadyError(f"Job {job.id} is {job.state}: {what} yet.")
