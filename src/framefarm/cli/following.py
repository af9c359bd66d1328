"""Following a job: events come in from a thread, go onto the board, and are shown."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from framefarm.cli.display.board import Board
from framefarm.cli.display.displays import Display
from framefarm.cli.display.summary import MAX_FAILURES_TOLD, Summary
from framefarm.cli.interruptions import Interrupted
from framefarm.cli.untold import Untold, newest
from framefarm.client.errors import ClientError, FarmAnswerError
from framefarm.client.events import EndEvent, Event, JobEvent, UnitEvent
from framefarm.client.farm import Farm
from framefarm.client.views import FileView, JobView, UnitView

TICK_S = 0.25
_MOST_LOOKED_AT = 20_000
"""Units come 500 at a time."""

Feed = queue.SimpleQueue[Any]
"""Carries events, `Interrupted`, and exceptions of the threads that feed it."""


def feed_events(farm: Farm, job: int, feed: Feed) -> threading.Thread:
    """Start to put a job's events into a feed, and what breaks them off."""

    def run() -> None:
        try:
            for event in farm.events(job):
                feed.put(event)
        except ClientError as error:
            feed.put(error)

    thread = threading.Thread(target=run, name="events", daemon=True)
    thread.start()
    return thread


class Follower:
    """Shows what a feed brings until the job ends.

    Args:
        feed: What happens.
        display: Where it is shown.
        on_tick: Called a few times a second; may raise to end it.
        on_unit: Called when a unit is done, tried again or failed; may raise as well.
        find_untold: Finds frames that were finished while their events could not come, from those
            that were shown and the number of those known to be done. None where all events come.
    """

    def __init__(
        self,
        feed: Feed,
        display: Display,
        on_tick: Callable[[], None] = lambda: None,
        on_unit: Callable[[UnitEvent], None] = lambda _: None,
        find_untold: Callable[[set[int], int], Sequence[UnitView]] | None = None,
    ) -> None:
        self.board = Board()
        self._feed = feed
        self._display = display
        self._on_tick = on_tick
        self._on_unit = on_unit
        self._find_untold = find_untold
        self._untold = Untold()
        self._warned: set[str] = set()

    def follow(self) -> Interrupted | None:
        """Follow to the end.

        Returns:
            None when the job ended; else who interrupted.

        Raises:
            FrameFarmError: What broke the feed off.
        """
        while True:
            self._on_tick()
            try:
                item = self._feed.get(timeout=TICK_S)
            except queue.Empty:
                self._display.tick(self.board)
                continue
            if isinstance(item, Interrupted):
                return item
            if isinstance(item, BaseException):
                raise item
            if callable(item):
                item()
            elif self._show(item):
                return None

    def warn_once(self, text: str) -> None:
        """Show a warning unless it was shown before."""
        if text not in self._warned:
            self._warned.add(text)
            self._display.message("warning", text)

    def _show(self, event: Event) -> bool:
        self.board.apply(event, time.monotonic())
        if isinstance(event, JobEvent):
            for warning in event.job.warnings:
                self.warn_once(warning)
        if not self._untold.is_early(event):
            self._display.event(event, self.board)
            self._show_untold(event)
        if isinstance(event, UnitEvent):
            self._on_unit(event)
        self._display.tick(self.board)
        return isinstance(event, EndEvent)

    def _show_untold(self, event: Event) -> None:
        if self._find_untold is None or not (missed := self._untold.take(event)):
            return
        units = self._find_untold(self._untold.told, self._untold.known)
        missed = len(units) or missed
        self._untold.found([unit.unit for unit in units], missed)
        self._display.missed(missed, units, self.board)


def find_untold(farm: Farm, job: JobView, told: set[int], known: int) -> list[UnitView]:
    """Frames of a job that were finished and not told; none where there are too many to look at.

    Args:
        told: Those that were.
        known: How many are known to be done.
    """
    try:
        stage = farm.job(job.id).main_stage
        if stage is None or stage.done > _MOST_LOOKED_AT:
            return []
        done = list(farm.units(job.id, kind=stage.kind, state="done"))
        return newest(done, told, len(done) - known)
    except ClientError:
        # They are counted all the same; whether the manager is away for good the feed will tell.
        return []


def summarize(farm: Farm, before: JobView, *, wall_s: float, output: str) -> Summary:
    """Ask for a finished job's figures.

    Args:
        farm: The manager.
        before: The job as it was when the command began.
        wall_s: How long the command took.
        output: Where the files are, for people.
    """
    job = farm.job(before.id)
    stage, earlier = job.main_stage, before.main_stage
    done = (stage.done if stage else 0) - (earlier.done if earlier else 0)
    return Summary(
        job=job,
        wall_s=wall_s,
        output=output,
        rendered=max(0, done),
        failures=tuple(_failures(farm, job)),
        movie=_movie(farm, job),
    )


def _failures(farm: Farm, job: JobView) -> list[UnitView]:
    failures: list[UnitView] = []
    for stage in job.stages:
        left = MAX_FAILURES_TOLD - len(failures)
        if stage.failed and left > 0:
            failures += farm.units(job.id, kind=stage.kind, state="failed", limit=left)
    return failures


def _movie(farm: Farm, job: JobView) -> FileView | None:
    join = job.stage("join")
    if join is None or not join.done:
        return None
    try:
        units = list(farm.units(job.id, kind="join", state="done", limit=1))
    except FarmAnswerError:
        return None
    files = [file for unit in units for file in unit.files if file.role == "movie"]
    return files[0] if files else None
