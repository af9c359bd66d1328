"""Shots: their names, and which version's frames and movie are theirs. Pure.

A shot's jobs are its versions, numbered from 1. What a shot shows is decided anew each time from
the versions that are finished, so nothing has to be kept in step when a version is deleted, fails,
or is put back to work.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from framefarm.core.errors import FrameFarmError
from framefarm.core.naming import safe_name
from framefarm.core.spans import Spans


class ShotStatus(StrEnum):
    """Where people say that a shot, or a sequence, stands.

    The words are those of ShotGrid and Kitsu that a farm has a use for. People choose freely among
    them: what the farm itself knows, how far the newest version is, is told beside it.

    `waiting`: nobody is at it. `in_progress`: somebody is. `on_hold`: not for now. `review`: it
    waits for a judgement. `approved`: that was good. `final`: nothing more changes. `omitted`: it
    is cut; no job is taken for it.
    """

    WAITING = "waiting"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    REVIEW = "review"
    APPROVED = "approved"
    FINAL = "final"
    OMITTED = "omitted"


class ProjectStatus(StrEnum):
    """Where people say that a project stands. `closed`: no job is taken for it."""

    ACTIVE = "active"
    ON_HOLD = "on_hold"
    CLOSED = "closed"


class ShotNameError(FrameFarmError):
    """A name that no project, sequence or shot may have."""

    code = "bad_name"


def check_name(what: str, name: str) -> None:
    """Make sure that a name may be that of a project, a sequence or a shot.

    It becomes the name of a folder on whatever system, so it is taken only as it can be one there:
    a name that was changed silently would not be found again under what was typed.

    Args:
        what: `project`, `sequence` or `shot`.

    Raises:
        ShotNameError: It may not; says what would do instead.
    """
    good = safe_name(name)
    if name != good:
        shown = name[:100].encode(errors="replace").decode()
        raise ShotNameError(
            f"{shown!r} cannot be the name of a {what}, since it names a folder on every system; "
            f"{good!r} could."
        )


def name_key(name: str) -> str:
    """What two names share that differ in nothing but capitals, as some systems see folders."""
    return unicodedata.normalize("NFC", name.casefold())


@dataclass(frozen=True)
class FinishedVersion:
    """A version whose job is done.

    Attributes:
        number: From 1; a later version has a higher one.
        frames: All that it has.
        movie: Whether it has one, of exactly these frames.
    """

    number: int
    frames: Spans
    movie: bool = False


@dataclass(frozen=True)
class Picked:
    """Some frames of a shot, and the version that they are of."""

    number: int
    frames: Spans


def shown_frames(versions: Iterable[FinishedVersion]) -> list[Picked]:
    """Which version each frame of a shot is of: the newest finished one that has it.

    Returns:
        The newest version first; those that show no frame any more are left out. No frame is in two
        of them.
    """
    seen, picked = Spans(), []
    for version in _newest_first(versions):
        own = version.frames.difference(seen)
        if own:
            picked.append(Picked(version.number, own))
            seen = seen.union(version.frames)
    return picked


@dataclass(frozen=True)
class ShownMovie:
    """A shot's movie.

    Attributes:
        number: Of the version that it is of.
        remade: Frames that a newer version has made anew since; the movie shows older ones.
    """

    number: int
    remade: Spans


def shown_movie(
    versions: Sequence[FinishedVersion], wanted: Spans | None = None
) -> ShownMovie | None:
    """A shot's movie: that of the newest finished version which covers the whole shot.

    A version of only a few frames has a movie as well; it is that version's, and not the shot's.

    Args:
        versions: Those that are finished.
        wanted: The shot's own frames; None for all that any of the versions has.

    Returns:
        None where no version has a movie of all of them.
    """
    ordered = _newest_first(versions)
    if wanted is None:
        wanted = Spans()
        for version in ordered:
            wanted = wanted.union(version.frames)
    newer = Spans()
    for version in ordered:
        if version.movie and not wanted.difference(version.frames):
            return ShownMovie(version.number, newer.intersection(version.frames))
        newer = newer.union(version.frames)
    return None


def _newest_first(versions: Iterable[FinishedVersion]) -> list[FinishedVersion]:
    return sorted(versions, key=lambda version: version.number, reverse=True)
