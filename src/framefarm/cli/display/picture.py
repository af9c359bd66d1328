"""The live display as something rich can draw. Pure: a board and a clock in, a picture out."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from framefarm.cli.display import words
from framefarm.cli.display.board import MAIN_KINDS, MOVIE_KINDS, Board, share_of
from framefarm.cli.display.displays import Heading
from framefarm.cli.display.plain import movie_text
from framefarm.client.events import ProgressEvent

MAX_ROWS = 8
"""Slots shown; a farm of 500 would scroll the bar out of sight."""

_PHASES = {
    "loading": "opening the file",
    "opening": "opening the file",
    "open": "opening the file",
    "sync": "building the scene",
    "syncing": "building the scene",
    "render": "rendering",
    "composite": "compositing",
    "save": "saving",
}
_BAR = 22
_WIDEST_TITLE = 78


def draw(
    board: Board, heading: Heading, status: str, *, began: float, now: float
) -> RenderableType:
    """Draw a job as it is now, for a console of any width from 40 columns on.

    Args:
        board: What is known.
        heading: What it is about.
        status: What goes on while nothing is in work.
        began: When the command began, on the board's clock.
        now: The moment to draw.
    """
    lines: list[RenderableType] = [_title(board, heading)]
    if board.total:
        lines.append(_main_bar(board))
    lines.extend(_work(board, status, now))
    if movie := movie_text(board):
        lines.append(Text(movie, style="cyan", overflow="ellipsis", no_wrap=True))
    lines.append(_pace(board, now - began))
    if heading.output:
        lines.append(_dim(f"output: {words.place(heading.output)}"))
    return Group(*lines)


def _title(board: Board, heading: Heading) -> Text:
    text = Text(words.shortened(heading.title, _WIDEST_TITLE), style="bold")
    if board.job is not None:
        text.append("".join(f" · {fact}" for fact in _facts(board)), style="dim")
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _facts(board: Board) -> list[str]:
    settings = board.job.settings if board.job else {}
    facts = [settings.get("scene"), settings.get("engine")]
    if settings.get("width") and settings.get("height"):
        facts.append(f"{settings['width']}x{settings['height']}")
    if settings.get("blender"):
        facts.append(f"Blender {settings['blender']}")
    return [str(fact) for fact in facts if fact]


def _main_bar(board: Board) -> Table:
    row = Table.grid(expand=True, padding=(0, 2, 0, 0))
    row.add_column(ratio=1)
    row.add_column(no_wrap=True, justify="right")
    count = f"{board.finished:,} of {words.plural(board.total, board.unit_word)}"
    bar = ProgressBar(total=1.0, completed=board.share, complete_style="green")
    row.add_row(bar, Text(f"{count}  {int(board.share * 100):>3} %"))
    return row


def _work(board: Board, status: str, now: float) -> list[RenderableType]:
    in_work = board.in_work()
    if not in_work:
        return [] if board.ended or not status else [Text(f"{status} ...", style="yellow")]
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(width=_BAR)
    rows.add_column(no_wrap=True, justify="right")
    rows.add_column(no_wrap=True, overflow="ellipsis")
    several = len({work.worker for work in in_work}) > 1
    for work in in_work[:MAX_ROWS]:
        rows.add_row(*_work_row(board, work, now, several=several))
    if len(in_work) > MAX_ROWS:
        return [rows, _dim(f"and {len(in_work) - MAX_ROWS} more")]
    return [rows]


def _work_row(
    board: Board, work: ProgressEvent, now: float, *, several: bool
) -> list[RenderableType]:
    main = work.kind in MAIN_KINDS
    what = f"{board.unit_word} {work.unit}" if main else _movie_unit(work)
    steps = ""
    if work.total > 1:
        word = "sample" if work.kind == "render" else "step" if main else "frame"
        steps = f"{word} {work.done} of {work.total}"
    took = words.duration(now - board.since.get((work.kind, work.unit), now))
    note = f"{_PHASES.get(work.phase, work.phase)}, {took}".removeprefix(", ")
    if several:
        note = f"{note}  {work.worker}".strip()
    bar = ProgressBar(total=1.0, completed=share_of(work), width=_BAR, complete_style="cyan")
    return [Text(what), bar, Text(steps), _dim(note)]


def _movie_unit(work: ProgressEvent) -> str:
    if work.kind in MOVIE_KINDS:
        return "movie, joining" if work.kind == "join" else f"movie, segment {work.unit}"
    return f"{work.kind} {work.unit}"


def _pace(board: Board, elapsed_s: float) -> Text:
    parts = []
    job = board.job
    if job is not None and job.frames_per_minute:
        parts.append(f"{_rate(job.frames_per_minute)} {board.unit_word}s/min")
    if job is not None and job.estimate is not None and not job.finished:
        parts.append(words.time_left(job.estimate.low_s, job.estimate.high_s))
    if board.last is not None:
        parts.append(_last(board))
    parts.append(f"{words.duration(elapsed_s)} so far")
    return Text(" · ".join(parts), overflow="ellipsis", no_wrap=True)


def _last(board: Board) -> str:
    last = board.last
    if last is None:
        return ""
    text = f"last {words.duration(last.seconds or 0.0)}"
    return f"{text}, {words.memory(last.peak_memory_bytes)}" if last.peak_memory_bytes else text


def _rate(per_minute: float) -> str:
    return f"{per_minute:.0f}" if per_minute >= 99.95 else f"{per_minute:.1f}"  # noqa: PLR2004


def _dim(text: str) -> Text:
    return Text(text, style="dim", overflow="ellipsis", no_wrap=True)
