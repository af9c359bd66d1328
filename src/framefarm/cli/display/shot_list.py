"""Projects, shots, their versions and notes as people read them. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from framefarm.cli.display import words
from framefarm.cli.display.sheets import Fact, facts_page, when
from framefarm.cli.tables import table, text_width
from framefarm.client.shot_views import (
    NewestVersion,
    NoteView,
    ProjectView,
    SequenceView,
    ShotFrames,
    ShotView,
    VersionView,
)

_FRAMES_WIDTH = 16


def project_lines(projects: Sequence[ProjectView], *, width: int | None = None) -> str:
    """The list of projects."""
    rows = [
        (one.name, _word(one.status), f"{one.shots:,}", _number(one.priority), one.description)
        for one in projects
    ]
    heads = ("PROJECT", "STATUS", "SHOTS", "PRIORITY", "DESCRIPTION")
    return table(heads, rows, flexible=4, right=(2, 3), width=width)


def sequence_lines(sequences: Iterable[SequenceView], *, width: int | None = None) -> str:
    """The list of sequences, numbers in names by their size."""
    rows = [
        (one.path, _word(one.status), f"{one.shots:,}", _number(one.priority), one.description)
        for one in sorted(sequences, key=lambda one: _natural(one.path))
    ]
    heads = ("SEQUENCE", "STATUS", "SHOTS", "PRIORITY", "DESCRIPTION")
    return table(heads, rows, flexible=4, right=(2, 3), width=width)


def shot_lines(shots: Iterable[ShotView], *, width: int | None = None) -> str:
    """The list of shots, numbers in names by their size."""
    ordered = sorted(shots, key=lambda shot: _natural(shot.path))
    rows = [
        (
            shot.path,
            _word(shot.status),
            _short(shot.frames or ""),
            f"{shot.newest.version}: {_doing(shot.newest)}" if shot.newest else "",
        )
        for shot in ordered
    ]
    heads = ("SHOT", "STATUS", "FRAMES", "NEWEST VERSION")
    return table(heads, rows, flexible=0, width=width)


def shot_sheet(
    shot: ShotView, shown: ShotFrames, notes: Sequence[NoteView], *, width: int | None = None
) -> str:
    """All that is known of a shot, as a page."""
    width = width or text_width()
    parts = [
        facts_page(_facts(shot), width),
        facts_page(_frames(shown), width),
        "\n".join(note_lines(notes, width=width)),
    ]
    return "\n\n".join([f"shot {shot.path}", *(part for part in parts if part)])


def version_lines(versions: Sequence[VersionView], *, width: int | None = None) -> str:
    """The list of a shot's versions."""
    rows = [
        (
            str(one.version),
            str(one.job),
            one.state,
            f"{one.done:,}",
            f"{one.total:,}",
            _short(one.frames),
            _short(one.shown),
            when(one.finished_at) if one.finished_at else "",
        )
        for one in versions
    ]
    heads = ("VERSION", "JOB", "STATE", "DONE", "OF", "FRAMES", "SHOWN", "ENDED")
    return table(heads, rows, flexible=5, right=(0, 1, 3, 4), width=width)


def note_lines(notes: Iterable[NoteView], *, width: int | None = None) -> Iterator[str]:
    """Each note: its number, who wrote it and when; below it what."""
    width = width or text_width()
    for note in notes:
        changed = ", changed" if note.changed_at else ""
        yield f"note {note.id}  {note.author or 'this machine'}  {when(note.created_at)}{changed}"
        for line in note.text.splitlines():
            yield from (f"  {part}" for part in textwrap.wrap(line, width - 2) or [""])


def _facts(shot: ShotView) -> Iterator[Fact]:
    yield "status", _word(shot.status)
    yield "frames", shot.frames or ""
    yield "priority", _number(shot.priority)
    yield "description", shot.description
    yield "made", when(shot.created_at) + (f" by {shot.created_by}" if shot.created_by else "")
    yield "versions", f"{shot.versions:,}"
    if shot.newest is not None:
        newest = shot.newest
        yield "newest", f"version {newest.version}, job {newest.job}: {_doing(newest)}"


def _frames(shown: ShotFrames) -> Iterator[Fact]:
    for index, part in enumerate(shown.frames):
        yield "shown" if index == 0 else "", f"{part.frames} of version {part.version}"
    yield "missing", shown.missing
    if shown.movie is not None:
        remade = f"; {shown.movie.remade} made anew since" if shown.movie.remade else ""
        yield "movie", f"of version {shown.movie.version}{remade}"


def _doing(newest: NewestVersion) -> str:
    if newest.state == "done":
        return f"done, {words.plural(newest.total, 'frame')}"
    failed = f", {newest.failed:,} failed" if newest.failed else ""
    return f"{newest.state}, {newest.done:,} of {newest.total:,}{failed}"


def _word(status: str) -> str:
    return status.replace("_", " ")


def _number(priority: int | None) -> str:
    return "" if priority is None else str(priority)


def _short(frames: str) -> str:
    return words.shortened(frames, _FRAMES_WIDTH)


def _natural(path: str) -> list[tuple[int, str]]:
    """`sq2` before `sq10`."""
    parts = re.split(r"(\d+)", path)
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]
