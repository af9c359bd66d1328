"""Which files are a shot's: each frame of the version that it is of, and the movie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from framefarm.core.listing import are, plural
from framefarm.core.naming import safe_name
from framefarm.core.spans import Spans
from framefarm.core.states import ENDED_JOBS
from framefarm.db import tables as t
from framefarm.farm.downloads import (
    Archive,
    IncompleteError,
    NoMovieError,
    NoSuchFramesError,
    NotReadyError,
    What,
    movie_file,
)
from framefarm.farm.logs import NoSuchUnitError, UnitFile, file_of_frame
from framefarm.farm.outputs import OutputFile, Place, output_files
from framefarm.farm.shot_rights import owned_by
from framefarm.farm.shot_versions import Finished, Shown, shown_of
from framefarm.farm.shots import path_of

_MOVIE = 0
"""In the order of a shot's files the movie comes after all versions, of which the last is 1."""


@dataclass(frozen=True)
class ShotArchive:
    """What of a shot goes into an archive.

    Attributes:
        name: Of the archive, without ending.
        parts: Of one version each.
    """

    name: str
    parts: list[Archive]


@dataclass(frozen=True)
class ShotFile:
    """A file of a shot; its bytes are at `/api/blobs/{sha256}`."""

    name: str
    role: str
    sha256: str
    size_bytes: int
    unit: int
    version: int
    job: int


FilePlace = tuple[int, Place]
"""A file's place among all of a shot: by version, the newest first, then as in its job."""


def frame_file(
    connection: Connection, shot_id: int, frame: int, role: str, seen_by: str | None = None
) -> UnitFile:
    """A shot's file of a frame.

    Raises:
        NoSuchShotError: There is none that this artist may see.
        NoSuchUnitError: No finished version has the frame, or that one no such file.
    """
    shown = shown_of(connection, shot_id, seen_by)
    for one, frames in shown.parts:
        if frame in frames:
            return file_of_frame(connection, one.job_id, frame, role)
    raise NoSuchUnitError(f"No finished version of {path_of(shown.shot)} has a frame {frame}.")


def shot_movie(connection: Connection, shot_id: int, seen_by: str | None = None) -> OutputFile:
    """A shot's movie.

    Raises:
        NoSuchShotError: There is none that this artist may see.
        NoMovieError: No finished version has one of the whole shot.
    """
    shown = shown_of(connection, shot_id, seen_by)
    if shown.movie is None:
        wanted = shown.shot.frames or str(shown.frames)
        of = f"of all frames {wanted[:200]}" if wanted else "yet"
        raise NoMovieError(
            f"No finished version of {path_of(shown.shot)} has a movie {of}; ask for its frames: "
            "?what=frames"
        )
    return movie_file(connection, shown.movie.job_id)


def shot_archive(
    connection: Connection,
    shot_id: int,
    what: What,
    frames: str | None,
    *,
    partial: bool,
    seen_by: str | None = None,
) -> ShotArchive:
    """Decide on an archive.

    Args:
        what: `frames`, or `all` for the movie as well, where there is one.
        frames: Only these, such as `1-20`.
        partial: Whether those that are there will do.

    Raises:
        NoSuchShotError: There is none that this artist may see.
        SpansError: The frames are not to be understood.
        NoSuchFramesError: It has none of the frames.
        NotReadyError: Some are not there, and a version is being made.
        IncompleteError: Some are not there, and none is.
    """
    shown = shown_of(connection, shot_id, seen_by)
    asked = Spans.parse(frames) if frames is not None else None
    missing = shown.missing if asked is None else asked.difference(shown.frames)
    if not shown.parts or (asked is not None and missing == asked):
        raise _nothing(connection, shown, asked, seen_by)
    if missing and not partial:
        raise _lacking(connection, shown, missing, seen_by)
    name = safe_name(path_of(shown.shot).replace("/", "_"))
    parts = [
        Archive(one.job_id, name, one.stage_id, own, _elsewhere(one))
        for one, all_of_it in shown.parts
        if (own := all_of_it if asked is None else all_of_it.intersection(asked))
    ]
    if what == "all" and asked is None and shown.movie is not None:
        parts.append(_movie_part(shown.movie, name))
    return ShotArchive(name, parts)


def _movie_part(movie: Finished, name: str) -> Archive:
    return Archive(movie.job_id, name, movie.movie_stage_id, None, _elsewhere(movie))


def _elsewhere(one: Finished) -> str:
    """Where files go whose names newer versions have for frames of their own."""
    return f"v{one.version.number}"


def shot_files(
    connection: Connection,
    shot_id: int,
    *,
    after: FilePlace | None = None,
    limit: int,
    seen_by: str | None = None,
) -> list[tuple[FilePlace, ShotFile]]:
    """A shot's files, those after a place, at most `limit`; the movie comes last.

    Raises:
        NoSuchShotError: There is none that this artist may see.
    """
    found: list[tuple[FilePlace, ShotFile]] = []
    for number, version, part in _parts(shown_of(connection, shot_id, seen_by)):
        if after is not None and number > after[0]:
            continue
        begin = after[1] if after is not None and number == after[0] else None
        for place, file in _files_after(connection, part, begin, limit - len(found)):
            told = ShotFile(**vars(file), version=version, job=part.job_id)
            found.append(((number, place), told))
        if len(found) == limit:
            break
    return found


def _parts(shown: Shown) -> Iterator[tuple[int, int, Archive]]:
    for one, frames in shown.parts:
        number = one.version.number
        yield number, number, Archive(one.job_id, "", one.stage_id, frames)
    if shown.movie is not None:
        yield _MOVIE, shown.movie.version.number, _movie_part(shown.movie, "")


def _files_after(
    connection: Connection, part: Archive, after: Place | None, most: int
) -> Iterator[tuple[Place, OutputFile]]:
    """Files of one version that are the shot's."""
    assert part.stage_id is not None
    first = part.frames.first if part.frames is not None else -(1 << 31)
    place = (part.stage_id, first, -1) if after is None else after
    while most and (page := output_files(connection, part.job_id, after=place, limit=1_000)):
        for place, file in page:
            if place[0] != part.stage_id:
                return
            if part.frames is None or file.unit in part.frames:
                yield place, file
                most -= 1
            if not most:
                return


def _nothing(
    connection: Connection, shown: Shown, asked: Spans | None, seen_by: str | None
) -> Exception:
    name = path_of(shown.shot)
    if shown.parts:
        return NoSuchFramesError(f"{name} has no frames {asked}; it has {shown.frames}.")
    if _at_work(connection, shown, seen_by):
        return NotReadyError(f"No version of {name} is finished yet.")
    return IncompleteError(f"No version of {name} is finished; `framefarm submit` makes one.")


def _lacking(
    connection: Connection, shown: Shown, missing: Spans, seen_by: str | None
) -> Exception:
    counted = f"{plural(len(missing), 'frame')} of {path_of(shown.shot)} {are(len(missing))}"
    text = f"{counted} in no finished version: {str(missing)[:200]}"
    if _at_work(connection, shown, seen_by):
        return NotReadyError(f"{text}, yet.")
    return IncompleteError(f"{text}; partial=true takes the frames that are there.")


def _at_work(connection: Connection, shown: Shown, seen_by: str | None) -> bool:
    jobs = t.jobs.c
    here = select(jobs.id).where(jobs.shot_id == shown.shot.id, owned_by(seen_by))
    unfinished = here.where(jobs.state.not_in(list(ENDED_JOBS))).limit(1)
    return connection.execute(unfinished).first() is not None
