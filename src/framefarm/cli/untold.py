"""Frames that were finished while no events could come, as when the manager restarted. Pure.

A stream of events that broke off begins anew with the job as it is then. What was accepted
meanwhile is counted there, and its events never come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from framefarm.cli.display.board import MAIN_KINDS
from framefarm.client.events import EndEvent, Event, JobEvent, UnitEvent
from framefarm.client.views import UnitView

_JOBS_UNDER_WAY = 4
"""So often a job may be told before the event of a frame that was found meanwhile."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Untold:
    """Counts the frames that a job has done against those whose events came.

    A job is told a moment after it was read, so a frame may be told before a job that does not
    count it yet, or after one that does. Each count is therefore held against what was known when
    the job before it was told, or will be when the next one is: by then the events in between have
    come.

    Attributes:
        told: Frames that were shown.
        known: How many are known to be done: those shown, and those of before.
    """

    told: set[int] = field(default_factory=set)
    known: int = 0
    _settled: int = 0
    _counted: int | None = None
    _early: set[int] = field(default_factory=set)
    _early_for: int = 0

    def take(self, event: Event) -> int:
        """Take in an event; returns how many frames at least were finished untold."""
        if isinstance(event, UnitEvent):
            if event.kind in MAIN_KINDS and event.state == "done":
                self.told.add(event.unit)
                self.known += 1
        elif isinstance(event, JobEvent):
            stage = event.job.main_stage
            return self._job(stage.done) if stage else 0
        elif isinstance(event, EndEvent):
            return self._missed()
        return 0

    def found(self, units: Iterable[int], count: int) -> None:
        """Some were shown all the same: these, `count` of them, or so many that have no number."""
        self._early, self._early_for = set(units), _JOBS_UNDER_WAY
        self.told |= self._early
        self.known += count

    def is_early(self, event: Event) -> bool:
        """Whether an event tells of a frame that was found, and shown, before it came."""
        if not isinstance(event, UnitEvent) or event.unit not in self._early:
            return False
        self._early.discard(event.unit)
        return event.kind in MAIN_KINDS and event.state == "done"

    def _job(self, done: int) -> int:
        if self._counted is None:
            self.known = done
        self._early_for -= 1
        if self._early_for < 0:
            self._early.clear()
        missed = self._missed()
        # Frames that are to be made anew are done no more.
        self.known -= max(0, self._settled - done)
        self._settled, self._counted = self.known, done
        return missed

    def _missed(self) -> int:
        return max(0, (self._counted or 0) - self.known)


def newest(units: Iterable[UnitView], told: set[int], count: int) -> list[UnitView]:
    """Those that were finished last of the units nobody was told of, by number.

    Args:
        units: All that are done.
        told: Numbers of those that were told.
        count: How many at most.
    """
    untold = [one for one in units if one.unit not in told]
    # What is left of them was done before.
    untold.sort(key=lambda one: one.finished_at or _LONG_AGO, reverse=True)
    return sorted(untold[: max(0, count)], key=lambda one: one.unit)
