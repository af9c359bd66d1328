"""A line for each finished frame: for logs, pipes and screen readers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from framefarm.cli.display import words
from framefarm.cli.display.board import MAIN_KINDS, Board
from framefarm.cli.display.displays import Heading, Level
from framefarm.cli.display.summary import Summary, failure_lines
from framefarm.client.events import Event, JobEvent, UnitEvent
from framefarm.client.views import UnitView
from framefarm.core.spans import Spans

_FEW = 3
_LONGEST_RANGE = 60


class PlainLines:
    """Writes lines as frames are finished.

    Args:
        out: Where progress goes.
        err: Where warnings and errors go.
        heading: What it is about.
    """

    def __init__(self, out: TextIO, err: TextIO, heading: Heading) -> None:
        self._out = out
        self._err = err
        self._heading = heading
        self._begun = False
        self._told_movie = ""
        self._told_failures = 0

    def status(self, text: str) -> None:
        """Nothing: a log is for what happened."""

    def tick(self, board: Board) -> None:
        """Nothing: a log is for what happened."""

    def close(self) -> None:
        """Nothing is held."""

    def message(self, level: Level, text: str) -> None:
        """Write a message; warnings and errors go to standard error."""
        if level == "info":
            self._line(text)
        else:
            print(f"framefarm: {level}: {text}", file=self._err, flush=True)

    def event(self, event: Event, board: Board) -> None:
        """Write a line if a frame is finished, failed, or the movie has come further."""
        if isinstance(event, JobEvent):
            self._begin(board)
            self._movie(board)
        elif isinstance(event, UnitEvent):
            self._unit(event, board)

    def missed(self, count: int, units: Sequence[UnitView], board: Board) -> None:
        """Write a line for each of a few frames, and one for many."""
        if not units or len(units) > _FEW:
            self._line(f"{_named(count, units, board)}  ({_progress(board)})")
            return
        for unit in units:
            self._done(unit, board)

    def summary(self, summary: Summary, exit_code: int) -> None:
        """Write the figures."""
        del exit_code
        for name, value in summary_rows(summary):
            self._line(f"{name}: {value}")
        # Those that failed while this display watched were told then.
        for line in failure_lines(summary) if not self._told_failures else ():
            print(f"framefarm: {line}", file=self._err, flush=True)
        if self._told_failures and summary.log_hint:
            print(f"framefarm: the whole story: {summary.log_hint}", file=self._err, flush=True)

    def _begin(self, board: Board) -> None:
        if self._begun or not board.total:
            return
        self._begun = True
        done = f", {board.finished:,} done already" if board.finished else ""
        where = f" into {words.place(self._heading.output)}" if self._heading.output else ""
        what = words.plural(board.total, board.unit_word)
        self._line(f"{self._heading.title}: {what}{where}{done}")

    def _unit(self, event: UnitEvent, board: Board) -> None:
        if event.kind not in MAIN_KINDS:
            return
        what = f"{board.unit_word} {event.unit}"
        if event.state == "done":
            self._done(event, board)
        elif event.state == "failed":
            self._told_failures += 1
            self.message("error", f"{what} failed: {event.message or 'no reason was given'}")
        else:
            self.message("warning", f"{what} is tried again: {event.message or ''}".rstrip(": "))

    def _done(self, unit: UnitEvent | UnitView, board: Board) -> None:
        facts = [words.duration(unit.seconds or 0.0)]
        if unit.peak_memory_bytes:
            facts.append(words.memory(unit.peak_memory_bytes))
        what = f"{board.unit_word} {unit.unit}"
        self._line(f"{what}  {'  '.join(facts)}  ({_progress(board)})")

    def _movie(self, board: Board) -> None:
        text = movie_text(board)
        if text and text != self._told_movie:
            self._told_movie = text
            self._line(text)

    def _line(self, text: str) -> None:
        print(text, file=self._out, flush=True)


def _named(count: int, units: Sequence[UnitView], board: Board) -> str:
    """Many frames in a line, such as `frames 3-40,42`."""
    text = str(Spans.from_units(unit.unit for unit in units))
    if not units:
        return f"{words.plural(count, board.unit_word)} more"
    if len(text) > _LONGEST_RANGE:
        first, last = units[0].unit, units[-1].unit
        return f"{words.plural(len(units), board.unit_word)} between {first} and {last}"
    return f"{board.unit_word}s {text}"


def movie_text(board: Board) -> str:
    """How far the movie is, empty while there is nothing to say of it."""
    job = board.job
    segments = job.stage("movie") if job else None
    join = job.stage("join") if job else None
    if join is not None and join.done:
        return "movie: finished"
    if segments is None or not (segments.done or segments.running):
        return ""
    if segments.done == segments.total:
        return "movie: joining"
    return f"movie: {segments.done} of {words.plural(segments.total, 'segment')} encoded"


def summary_rows(summary: Summary) -> list[tuple[str, str]]:
    """The table of totals as names and values; what is not known is left out."""
    job = summary.job
    word = "units" if job.kind == "trial" else "frames"
    rows = [(word, _frames(summary)), ("wall time", words.duration(summary.wall_s))]
    if summary.per_minute is not None:
        rows.append(("speed", f"{summary.per_minute:.1f} {word} per minute"))
    if job.render_seconds:
        rows.append(("render time", words.duration(job.render_seconds)))
    if summary.mean_s is not None:
        rows.append((f"mean {word[:-1]}", words.duration(summary.mean_s)))
    if job.slowest is not None:
        slowest = f"{words.duration(job.slowest.seconds)} ({word[:-1]} {job.slowest.unit})"
        rows.append((f"slowest {word[:-1]}", slowest))
    if job.peak_memory_bytes:
        rows.append(("peak memory", words.memory(job.peak_memory_bytes)))
    if summary.movie is not None:
        rows.append(("movie", f"{summary.movie.name}, {words.size(summary.movie.size_bytes)}"))
    if summary.output:
        rows.append(("output", words.place(summary.output)))
    return rows


def _frames(summary: Summary) -> str:
    text = f"{summary.done:,} of {summary.total:,}"
    if summary.done > summary.rendered:
        text += f" ({summary.done - summary.rendered:,} were there before)"
    return f"{text}, {summary.failed:,} failed" if summary.failed else text


def _progress(board: Board) -> str:
    text = f"{board.finished:,} of {board.total:,}" if board.total else f"{board.finished:,} done"
    estimate = board.job.estimate if board.job else None
    if estimate is not None and board.finished < board.total:
        text += f", {words.time_left(estimate.low_s, estimate.high_s)}"
    return text
