"""The versions of a shot, and which of them its frames and its movie are of.

Nothing of this is kept: it is decided anew from the jobs that are done whenever somebody asks, so a
version that is deleted, or put back to work, gives way to the one before it by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, select

from framefarm.core.shots import FinishedVersion, shown_frames, shown_movie
from framefarm.core.spans import Spans
from framefarm.core.states import JobState
from framefarm.db import tables as t
from framefarm.farm.shot_rights import owned_by
from framefarm.farm.shots import find_shot
from framefarm.farm.views import iso


@dataclass(frozen=True)
class VersionView:
    """A job of a shot.

    Attributes:
        frames: That it is to have.
        done, failed, total: How many of them there are.
        movie: Whether it makes one.
        shown: Which of its frames are the shot's; empty while it is not done, and once newer
            versions have them all.
    """

    version: int
    job: int
    name: str
    owner: str
    state: str
    frames: str
    done: int
    failed: int
    total: int
    movie: bool
    created_at: str
    finished_at: str | None
    shown: str


@dataclass(frozen=True)
class VersionList:
    """A page of versions, the newest first. `next` is the cursor of the following page."""

    versions: list[VersionView]
    next: int | None


@dataclass(frozen=True)
class FramesOfVersion:
    """Frames of a shot that are of one version."""

    frames: str
    version: int
    job: int


@dataclass(frozen=True)
class MovieOfVersion:
    """A shot's movie.

    Attributes:
        frames: That it shows.
        remade: Those of them that a newer version has made anew since.
    """

    version: int
    job: int
    frames: str
    remade: str


@dataclass(frozen=True)
class ShotFrames:
    """What a shot shows.

    Attributes:
        frames: Which version they are of, the newest first.
        missing: Frames of the shot's own range that no finished version has.
        movie: None where no finished version has one of the whole shot.
    """

    shot: int
    frames: list[FramesOfVersion]
    missing: str
    movie: MovieOfVersion | None


@dataclass(frozen=True)
class Finished:
    """A version whose job is done.

    Attributes:
        stage_id: Of its frames.
        movie_stage_id: Of its movie; None where it makes none.
    """

    version: FinishedVersion
    job_id: int
    stage_id: int
    movie_stage_id: int | None


@dataclass(frozen=True)
class Shown:
    """What a shot shows, and of which finished versions.

    Attributes:
        shot: Its row.
        parts: Finished versions with the frames of them that are the shot's; the newest first.
        missing: Frames of its own range that none of them has.
        movie: The version whose movie is the shot's.
        remade: Frames of that movie that were made anew since.
    """

    shot: Row[Any]
    parts: Sequence[tuple[Finished, Spans]]
    missing: Spans
    movie: Finished | None
    remade: Spans

    @property
    def frames(self) -> Spans:
        """All frames that the shot shows."""
        found = Spans()
        for _, frames in self.parts:
            found = found.union(frames)
        return found


def shown_of(connection: Connection, shot_id: int, seen_by: str | None = None) -> Shown:
    """What a shot shows to somebody: of an artist's own jobs only.

    Raises:
        NoSuchShotError: There is none that this artist may see.
    """
    shot = find_shot(connection, shot_id, seen_by)
    finished = _finished(connection, shot_id, seen_by)
    versions = [one.version for one in finished.values()]
    parts = [(finished[one.number], one.frames) for one in shown_frames(versions)]
    own = Spans.restore(shot.frames) if shot.frames is not None else None
    movie = shown_movie(versions, own)
    missing = own or Spans()
    for one in versions:
        missing = missing.difference(one.frames)
    if movie is None:
        return Shown(shot, parts, missing, None, Spans())
    return Shown(shot, parts, missing, finished[movie.number], movie.remade)


def shot_frames(connection: Connection, shot_id: int, seen_by: str | None = None) -> ShotFrames:
    """Which version each of a shot's frames is of.

    Raises:
        NoSuchShotError: There is none that this artist may see.
    """
    shown = shown_of(connection, shot_id, seen_by)
    parts = [
        FramesOfVersion(str(frames), one.version.number, one.job_id) for one, frames in shown.parts
    ]
    movie = None
    if shown.movie is not None:
        of = shown.movie
        frames = str(of.version.frames)
        movie = MovieOfVersion(of.version.number, of.job_id, frames, str(shown.remade))
    return ShotFrames(shot_id, parts, str(shown.missing), movie)


def version_page(
    connection: Connection,
    shot_id: int,
    *,
    before: int | None = None,
    limit: int,
    seen_by: str | None = None,
) -> VersionList:
    """Versions of a shot, the newest first.

    Args:
        before: Only those with lower numbers.

    Raises:
        NoSuchShotError: There is none that this artist may see.
    """
    shown = {one.job_id: frames for one, frames in shown_of(connection, shot_id, seen_by).parts}
    query = _versions(shot_id, seen_by).order_by(t.jobs.c.version.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(t.jobs.c.version < before)
    rows = connection.execute(query).all()
    views = [_view(row, shown.get(row.job)) for row in rows[:limit]]
    return VersionList(views, views[-1].version if len(rows) > limit else None)


def _versions(shot_id: int, seen_by: str | None) -> Select[Any]:
    """A shot's jobs, with their first stages, and those that join a movie."""
    jobs, first, joined = t.jobs.c, t.stages.alias("first"), t.stages.alias("joined")
    return (
        select(
            jobs.version,
            jobs.id.label("job"),
            jobs.name,
            jobs.owner,
            jobs.state,
            jobs.created_at,
            jobs.finished_at,
            first.c.id.label("stage_id"),
            first.c.units,
            first.c.done,
            first.c.failed,
            first.c.total,
            joined.c.id.label("movie_stage_id"),
        )
        .join(first, and_(first.c.job_id == jobs.id, first.c.position == 0))
        .join(joined, and_(joined.c.job_id == jobs.id, joined.c.kind == "join"), isouter=True)
        .where(jobs.shot_id == shot_id, owned_by(seen_by))
    )


def _finished(connection: Connection, shot_id: int, seen_by: str | None) -> dict[int, Finished]:
    query = _versions(shot_id, seen_by).where(t.jobs.c.state == JobState.DONE)
    return {row.version: _finished_one(row) for row in connection.execute(query)}


def _finished_one(row: Row[Any]) -> Finished:
    # All stages of a job that is done are, so it has every frame it was to have.
    movie = row.movie_stage_id is not None
    version = FinishedVersion(row.version, Spans.restore(row.units), movie)
    return Finished(version, row.job, row.stage_id, row.movie_stage_id)


def _view(row: Row[Any], shown: Spans | None) -> VersionView:
    return VersionView(
        version=row.version,
        job=row.job,
        name=row.name,
        owner=row.owner,
        state=row.state,
        frames=row.units,
        done=row.done,
        failed=row.failed,
        total=row.total,
        movie=row.movie_stage_id is not None,
        created_at=iso(row.created_at) or "",
        finished_at=iso(row.finished_at),
        shown="" if shown is None else str(shown),
    )
