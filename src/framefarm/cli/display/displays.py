"""What every display can do, and which one fits where the output goes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from framefarm.cli.display.board import Board
from framefarm.cli.display.summary import Summary
from framefarm.client.events import Event
from framefarm.client.views import UnitView

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Heading:
    """What a display is about.

    Attributes:
        title: The file's or the job's name.
        output: Where the frames appear; empty when they do not come here.
    """

    title: str
    output: str = ""


class Display(Protocol):
    """Shows one job from its start to its end."""

    def status(self, text: str) -> None:
        """Say what goes on before there is a job."""

    def message(self, level: Level, text: str) -> None:
        """Say something that stays."""

    def event(self, event: Event, board: Board) -> None:
        """Show what happened; the board has taken it in already."""

    def missed(self, count: int, units: Sequence[UnitView], board: Board) -> None:
        """Show frames that were finished while their events could not come.

        Args:
            count: How many.
            units: Which, by number; empty where that could not be found out.
        """

    def tick(self, board: Board) -> None:
        """Show that time passes. Called a few times a second."""

    def summary(self, summary: Summary, exit_code: int) -> None:
        """Show how it ended."""

    def close(self) -> None:
        """Leave the terminal as it was. May be called more than once."""


def choose_display(heading: Heading, *, json_lines: bool) -> Display:
    """JSON lines where asked for, the live display on a terminal, else plain lines."""
    if json_lines:
        from framefarm.cli.display.json_lines import JsonLines  # noqa: PLC0415  lazy, see app

        return JsonLines(sys.stdout, heading)
    if sys.stdout.isatty():
        from framefarm.cli.display.live import LiveDisplay  # noqa: PLC0415  rich is slow to import

        return LiveDisplay(heading)
    from framefarm.cli.display.plain import PlainLines  # noqa: PLC0415  lazy, see app

    return PlainLines(sys.stdout, sys.stderr, heading)
