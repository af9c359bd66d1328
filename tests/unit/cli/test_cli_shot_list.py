"""Projects, shots, versions and notes as people read them, at 80 columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from framefarm.cli.display.shot_list import (
    note_lines,
    project_lines,
    shot_lines,
    shot_sheet,
    version_lines,
)
from framefarm.client.shot_views import (
    FramesOfVersion,
    MovieOfVersion,
    NewestVersion,
    NoteView,
    ProjectView,
    ShotFrames,
    ShotView,
    VersionView,
)

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HERE = AT.astimezone().strftime("%Y-%m-%d %H:%M")


def shot(path: str = "Film/sq01/010", **facts: Any) -> ShotView:
    project, *sequence, name = path.split("/")
    made = {"id": 1, "project_id": 1, "status": "in_progress", **facts}
    return ShotView(
        project=project, sequence="".join(sequence), name=name, path=path, created_at=AT, **made
    )


def test_shots_come_in_the_order_of_the_numbers_in_their_names():
    newest = NewestVersion(2, 7, "running", done=1, failed=1, total=3)
    done = NewestVersion(12, 8, "done", done=48, total=48)
    shots = [
        shot("Film/sq10/010"),
        shot("Film/sq2/100", newest=done, frames="1001-1048"),
        shot("Film/sq2/20", newest=newest, frames="1,3,5,7,9,11,13,15,17,19,21,24"),
    ]

    assert shot_lines(shots, width=80).splitlines() == [
        "SHOT           STATUS       FRAMES            NEWEST VERSION",
        "Film/sq2/20    in progress  1,3,5…7,19,21,24  2: running, 1 of 3, 1 failed",
        "Film/sq2/100   in progress  1001-1048         12: done, 48 frames",
        "Film/sq10/010  in progress",
    ]


def test_long_names_leave_room_for_what_a_shot_does():
    newest = NewestVersion(123, 7, "running", done=10_000, total=100_000)
    lines = shot_lines([shot(f"Film/sq01/{'x' * 90}", newest=newest, frames="1-100000")], width=80)

    assert max(map(len, lines.splitlines())) <= 80
    assert "running, 10,000 of 100,000" in lines


def test_projects_are_told_in_a_line_each():
    projects = [
        ProjectView(1, "Film", "on_hold", priority=70, shots=1200, description="d " * 60),
        ProjectView(2, "Other", "active"),
    ]

    lines = project_lines(projects, width=80).splitlines()
    assert lines[0] == "PROJECT  STATUS   SHOTS  PRIORITY  DESCRIPTION"
    assert lines[1].startswith("Film     on hold  1,200        70  d d d")
    assert lines[2] == "Other    active       0"
    assert max(map(len, lines)) <= 80


def test_sheet_tells_of_which_version_each_frame_is():
    shown = ShotFrames(
        1,
        (FramesOfVersion("2-3", 2, 8), FramesOfVersion("1,4", 1, 7)),
        missing="5-6",
        movie=MovieOfVersion(1, 7, "1-4", "2-3"),
    )
    newest = NewestVersion(2, 8, "done", 2, 0, 2)
    note = NoteView(3, "The door still flickers.", "ada", AT, AT)
    about = shot(frames="1-6", priority=0, created_by="ada", versions=2, newest=newest)

    assert shot_sheet(about, shown, [note], width=80).splitlines() == [
        "shot Film/sq01/010",
        "",
        "status      in progress",
        "frames      1-6",
        "priority    0",
        f"made        {HERE} by ada",
        "versions    2",
        "newest      version 2, job 8: done, 2 frames",
        "",
        "shown       2-3 of version 2",
        "            1,4 of version 1",
        "missing     5-6",
        "movie       of version 1; 2-3 made anew since",
        "",
        f"note 3  ada  {HERE}, changed",
        "  The door still flickers.",
    ]


def test_sheet_of_a_new_shot_says_little():
    assert shot_sheet(shot(), ShotFrames(1), [], width=80).splitlines()[1:] == [
        "",
        "status      in progress",
        f"made        {HERE}",
        "versions    0",
    ]


def test_versions_fit_80_columns():
    versions = [
        VersionView(12, 1234, "running", frames="1-2000x7,2100-2200", done=10, total=5000),
        VersionView(
            1, 7, "done", frames="1-4", done=4, total=4, shown="1,4", finished_at=AT, movie=True
        ),
    ]

    lines = version_lines(versions, width=80).splitlines()
    assert lines[0] == "VERSION   JOB  STATE    DONE     OF  FRAMES            SHOWN  ENDED"
    assert lines[1] == "     12  1234  running    10  5,000  1-200…,2100-2200"
    assert lines[2] == f"      1     7  done        4      4  1-4               1,4    {HERE}"


def test_notes_keep_their_lines_and_fit():
    notes = [NoteView(1, "one\n\n" + "long " * 40, "", AT), NoteView(2, "two", "bob", AT)]

    lines = list(note_lines(notes, width=80))
    assert lines[:3] == [f"note 1  this machine  {HERE}", "  one", "  "]
    assert max(map(len, lines)) <= 80
    assert lines[-2:] == [f"note 2  bob  {HERE}", "  two"]
