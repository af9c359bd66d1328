"""What the displays show, from scripted events."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from framefarm.cli.display.board import Board
from framefarm.cli.display.displays import Heading
from framefarm.cli.display.json_lines import JsonLines
from framefarm.cli.display.live import LiveDisplay, totals
from framefarm.cli.display.picture import draw
from framefarm.cli.display.plain import PlainLines
from framefarm.cli.display.summary import Summary, failure_lines
from framefarm.client.events import EndEvent, JobEvent, ProgressEvent, UnitEvent
from framefarm.client.views import FileView, Stage, UnitView
from tests.unit.cli.jobs import ended, finished, job, progress, running

HEADING = Heading("shot.blend", "~/shot_frames")
MOVIE = FileView("shot_0001-0048.mp4", "movie", "0" * 64, 1_250_000)


def drawn(board: Board, *, width: int = 80, status: str = "", now: float = 80.0) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO(), force_terminal=True)
    console.print(draw(board, HEADING, status, began=0.0, now=now))
    return [line.rstrip() for line in console.export_text().splitlines()]


def board_of(*events) -> Board:
    board = Board()
    for event in events:
        board.apply(event, 70.0)
    return board


def test_the_picture_at_80_columns():
    segment = ProgressEvent("movie", 0, worker="w1", slot="media", done=12, total=48)
    board = board_of(running(23), finished(23), running(23), progress(24, 34), segment)

    assert drawn(board) == [
        "shot.blend · Scene · CYCLES · 640x360 · Blender 5.0",
        "━━━━━━━━━━━━━━━━━━━━━━━━━━━╺━━━━━━━━━━━━━━━━━━━━━━━━━━━━  23 of 48 frames   48 %",
        "frame 24          ━━━━━╸━━━━━━━━━━━━━━━━  sample 34 of 128  rendering, 10 s",
        "movie, segment 0  ━━━━━╸━━━━━━━━━━━━━━━━    frame 12 of 48  10 s",
        "12.3 frames/min · 4 to 6 min left · last 4.8 s, 412 MiB · 1 min 20 s so far",
        "output: ~/shot_frames",
    ]


def test_before_there_is_a_job_the_picture_says_what_goes_on():
    assert drawn(Board(), status="reading shot.blend", now=0.5) == [
        "shot.blend",
        "reading shot.blend ...",
        "0.5 s so far",
        "output: ~/shot_frames",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 132])
def test_no_line_is_wider_than_the_terminal(width):
    many = [progress(n, n, worker=f"machine-{n}", slot="cpu") for n in range(1, 20)]
    board = board_of(running(1_000, total=1_000_000), finished(999_999), *many)
    lines = drawn(board, width=width)

    assert max(map(len, lines)) <= width
    assert len(lines) <= 14
    assert "and 11 more" in lines


def test_the_movie_is_shown_from_its_first_segment_to_its_end():
    def texts(movie: Stage, join: Stage) -> list[str]:
        view = job(48, stages=(Stage(1, "render", "done", 48, 48), movie, join))
        return [line for line in drawn(board_of(JobEvent(view))) if line.startswith("movie")]

    waiting = Stage(3, "join", "waiting", 1)
    assert texts(Stage(2, "movie", "waiting", 2), waiting) == []
    assert texts(Stage(2, "movie", "ready", 2, 1), waiting) == ["movie: 1 of 2 segments encoded"]
    assert texts(Stage(2, "movie", "done", 2, 2), waiting) == ["movie: joining"]
    done = Stage(3, "join", "done", 1, 1)
    assert texts(Stage(2, "movie", "done", 2, 2), done) == ["movie: finished"]


def test_the_table_of_totals_at_80_columns():
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(totals(HEADING, Summary(ended(), 125.4, "~/shot_frames", 48, movie=MOVIE)))

    assert [line.rstrip() for line in console.export_text().splitlines()] == [
        "shot.blend: done",
        "frames         48 of 48",
        "wall time      2 min 05 s",
        "speed          23.0 frames per minute",
        "render time    1 min 36 s",
        "mean frame     2.0 s",
        "slowest frame  3.4 s (frame 17)",
        "peak memory    412 MiB",
        "movie          shot_0001-0048.mp4, 1.2 MB",
        "output         ~/shot_frames",
    ]


def test_the_live_display_is_gone_after_the_summary_and_leaves_messages():
    now = [0.0]
    screen = io.StringIO()
    console = Console(width=80, file=screen, force_terminal=True, highlight=False)
    display = LiveDisplay(HEADING, console, clock=lambda: now[0])
    board = board_of(running(3))
    display.message("warning", "1 linked file is missing: //wood.png")
    display.event(UnitEvent("render", 9, "failed", message="no camera"), board)
    now[0] = 1.0
    display.tick(board)
    display.summary(Summary(ended(), 5.0, "~/shot_frames", 48), 0)
    display.close()

    text = screen.getvalue()
    assert "warning: 1 linked file is missing: //wood.png" in text
    assert "frame 9 failed: no camera" in text
    plain_text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert plain_text.splitlines()[-1].split() == ["output", "~/shot_frames"]
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")  # the cursor is back


def test_the_live_display_draws_at_most_four_times_a_second():
    now = [0.0]
    screen = io.StringIO()
    console = Console(width=80, file=screen, force_terminal=True)
    display = LiveDisplay(HEADING, console, clock=lambda: now[0])
    before = screen.tell()
    for _ in range(100):
        now[0] += 0.002
        display.tick(Board())
    display_silent = screen.tell() == before
    now[0] += 0.1
    display.tick(Board())
    drawn_then = screen.tell() > before
    display.close()

    assert display_silent
    assert drawn_then


def plain(*events) -> tuple[list[str], list[str]]:
    out, err = io.StringIO(), io.StringIO()
    display, board = PlainLines(out, err, HEADING), Board()
    for event in events:
        board.apply(event, 0.0)
        display.event(event, board)
        display.tick(board)
    return out.getvalue().splitlines(), err.getvalue().splitlines()


def test_plain_lines_are_one_for_each_finished_frame():
    out, err = plain(running(0), progress(1, 3), finished(1), running(1), finished(2))

    assert out == [
        "shot.blend: 48 frames into ~/shot_frames",
        "frame 1  4.8 s  412 MiB  (1 of 48, 4 to 6 min left)",
        "frame 2  4.8 s  412 MiB  (2 of 48, 4 to 6 min left)",
    ]
    assert err == []


def test_plain_lines_say_what_was_done_before():
    assert plain(running(12))[0] == ["shot.blend: 48 frames into ~/shot_frames, 12 done already"]


def test_trouble_goes_to_standard_error():
    failed = UnitEvent("render", 5, "failed", message="no camera")
    out, err = plain(running(0), UnitEvent("render", 4, "retry", message="crashed"), failed)

    assert len(out) == 1
    assert err == [
        "framefarm: warning: frame 4 is tried again: crashed",
        "framefarm: error: frame 5 failed: no camera",
    ]


def test_failures_of_an_earlier_run_are_listed_at_the_end():
    out, err = io.StringIO(), io.StringIO()
    summary = Summary(
        ended(state="failed", stages=(Stage(1, "render", "failed", 48, 46, 2),)),
        wall_s=3.0,
        output="~/o",
        rendered=0,
        failures=(
            UnitView(5, "failed", worker="ant", message="no\n  camera"),
            UnitView(6, "failed"),
        ),
        log_hint="~/o/.framefarm/failures.log",
    )
    PlainLines(out, err, HEADING).summary(summary, 1)

    assert "frames: 46 of 48 (46 were there before), 2 failed" in out.getvalue()
    assert err.getvalue().splitlines() == [
        "framefarm: frame 5 on ant: no camera",
        "framefarm: frame 6: no reason was given",
        "framefarm: the whole story: ~/o/.framefarm/failures.log",
    ]


def test_only_the_first_failures_are_listed():
    stages = (Stage(1, "render", "failed", 300, 0, 300),)
    units = tuple(UnitView(n, "failed", message="x") for n in range(10))
    summary = Summary(ended(state="failed", stages=stages), 1.0, "", 0, failures=units)

    lines = failure_lines(summary)
    assert len(lines) == 11
    assert lines[-1] == "and 290 more"


def json_lines(*events, summary: Summary | None = None) -> list[dict]:
    stream = io.StringIO()
    display, board = JsonLines(stream, HEADING), Board()
    for event in events:
        board.apply(event, 0.0)
        display.event(event, board)
    if summary:
        display.summary(summary, 0)
    display.message("warning", "mind the gap")
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_have_the_documented_shape():
    summary = Summary(ended(), 125.4, "~/shot_frames", 48, movie=MOVIE)
    lines = json_lines(running(0), progress(1, 3), finished(1), EndEvent(), summary=summary)

    assert [line.pop("event") for line in lines] == ["job", "progress", "unit", "end", "message"]
    assert all(line.pop("at").endswith("+00:00") for line in lines)
    job_line, progress_line, unit_line, end_line, message_line = lines
    assert job_line["job"]["id"] == 7
    assert progress_line == {
        "kind": "render",
        "unit": 1,
        "worker": "w1",
        "slot": "cpu",
        "done": 3,
        "total": 128,
        "phase": "render",
    }
    assert set(unit_line) == {
        "kind",
        "unit",
        "state",
        "seconds",
        "peak_memory_bytes",
        "worker",
        "message",
    }
    assert end_line["exit_code"] == 0
    assert end_line["movie"] == {"name": "shot_0001-0048.mp4", "size_bytes": 1_250_000}
    assert end_line["slowest"] == {"unit": 17, "seconds": 3.4}
    assert message_line == {"level": "warning", "text": "mind the gap"}
