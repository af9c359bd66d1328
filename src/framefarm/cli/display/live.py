"""The display on a terminal: drawn over itself a few times a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from framefarm.cli.display.board import Board
from framefarm.cli.display.displays import Heading, Level
from framefarm.cli.display.picture import draw
from framefarm.cli.display.plain import summary_rows
from framefarm.cli.display.summary import Summary, failure_lines
from framefarm.client.events import EndEvent, Event, UnitEvent
from framefarm.client.views import UnitView

# Drawing takes 2 to 3 ms. Four times a second costs 1 % of one core and looks alive.
_PERIOD_S = 0.25
_STYLES = {"info": "", "warning": "yellow", "error": "bold red"}


class LiveDisplay:
    """Draws a job's progress.

    Args:
        heading: What it is about.
        console: Where to draw; standard output by default.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        heading: Heading,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._heading = heading
        self._console = console or Console(highlight=False)
        self._clock = clock
        self._began = clock()
        self._drawn = -_PERIOD_S
        self._status = "starting"
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()
        self._draw(Board())

    def status(self, text: str) -> None:
        """Show what goes on before there is a job."""
        self._status = text
        self._draw(Board())

    def message(self, level: Level, text: str) -> None:
        """Print a message above the display."""
        prefix = "" if level == "info" else f"{level}: "
        self._console.print(Text(prefix + text, style=_STYLES[level]))

    def event(self, event: Event, board: Board) -> None:
        """Take note; drawn with the next tick, the end at once."""
        if isinstance(event, UnitEvent) and event.state != "done":
            self._trouble(event, board)
        if isinstance(event, EndEvent):
            self._draw(board)

    def missed(self, count: int, units: Sequence[UnitView], board: Board) -> None:
        """Nothing: they are counted in what is drawn."""

    def tick(self, board: Board) -> None:
        """Draw, unless that was done a moment ago."""
        if self._clock() - self._drawn >= _PERIOD_S:
            if board.job is not None:
                self._status = self._idle_status(board)
            self._draw(board)

    def summary(self, summary: Summary, exit_code: int) -> None:
        """Replace the display by the table of totals."""
        del exit_code
        self.close()
        self._console.print(totals(self._heading, summary))
        for line in failure_lines(summary):
            self._console.print(Text(line, style="red"))

    def close(self) -> None:
        """Take the display off the terminal."""
        self._live.stop()

    def _idle_status(self, board: Board) -> str:
        """What goes on while no slot has told of its progress."""
        stage = board.job.main_stage if board.job else None
        if stage is not None and stage.running:
            return "rendering" if stage.kind == "render" else "working"
        return "starting Blender" if self._heading.output else "waiting for a worker"

    def _trouble(self, event: UnitEvent, board: Board) -> None:
        reason = event.message or "no reason was given"
        what = (
            f"{board.unit_word if event.kind in ('render', 'trial') else event.kind} {event.unit}"
        )
        if event.state == "failed":
            self.message("error", f"{what} failed: {reason}")
        else:
            self.message("warning", f"{what} is tried again: {reason}")

    def _draw(self, board: Board) -> None:
        self._drawn = self._clock()
        picture = draw(board, self._heading, self._status, began=self._began, now=self._drawn)
        self._live.update(picture, refresh=True)


def totals(heading: Heading, summary: Summary) -> Table:
    """The table shown at the end."""
    good = summary.job.state == "done"
    table = Table(
        title=f"{heading.title}: {summary.job.state}",
        title_style="bold green" if good else "bold red",
        title_justify="left",
        show_header=False,
        box=None,
        padding=(0, 2, 0, 0),
    )
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in summary_rows(summary):
        table.add_row(name, value)
    return table
