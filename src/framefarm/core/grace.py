"""When leases begin their lives anew, because nobody could renew them (L7). Pure.

A lease ends by itself when its worker is silent. After a time in which no worker could have been
heard, silence says nothing: the manager was not there, its database took no writes, it was stopped,
it told workers to come again later, or the clock that leases are measured by jumped. Then every
lease gets its whole life again, from now, by the clock as it is now. One rule covers them all, also
a clock that jumps back by a day: no lease then ends early, and none lives longer than a lease does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Disturbance(StrEnum):
    """Why leases begin their lives anew."""

    START = "start"
    OUTAGE = "outage"
    STOPPED = "stopped"
    CLOCK = "clock"
    TOLD_TO_WAIT = "told_to_wait"


MOST_HELD_S = 300.0
"""So long at a time nothing ends because workers were told to come later, and then not for as long
again. Ten thousand are back within a minute; whoever knocks for ever must keep no dead worker's
leases alive."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a round of the duty sees.

    Attributes:
        monotonic_s: The manager's clock that never jumps.
        database_at: The database's time, read at the same moment.
        outages: How many groups of writes the database has refused so far.
    """

    monotonic_s: float
    database_at: float
    outages: int = 0


@dataclass(frozen=True, slots=True)
class GraceLimits:
    """From when on something counts as a disturbance.

    Attributes:
        quiet_s: A round so much later than the one before says that the manager could not work.
            Well below a third of a lease: workers renew three times in the life of one.
        step_s: How far the database's clock may run ahead of, or behind, the monotonic one between
            two rounds. Clocks that are slewed, not set, differ by at most 0.5 ms a second.
    """

    quiet_s: float
    step_s: float

    @classmethod
    def of_lease(cls, lease_s: float, every_s: float) -> GraceLimits:
        """Limits for leases that live `lease_s`, looked at every `every_s`."""
        return cls(quiet_s=every_s + lease_s / 10, step_s=max(0.5, lease_s / 30))


@dataclass(frozen=True, slots=True)
class Watch:
    """What the duty remembers from round to round.

    Attributes:
        limits: What counts as a disturbance.
        last: What the last round that was written saw; None before the first.
        failed: Whether a round since then could not be written.
        backlog: Whether that round left leases that were over.
        held: Whether rounds since then were left out because workers were told to come later.
        held_from, held_to: When that began and was so last, by the monotonic clock.
    """

    limits: GraceLimits
    last: Moment | None = None
    failed: bool = False
    backlog: bool = False
    held: bool = False
    held_from: float = float("-inf")
    held_to: float = float("-inf")

    def hold(self, now_s: float, come_by_s: float) -> Watch | None:
        """The watch when this round is left out since workers were told to come later; else None.

        Args:
            now_s: The manager's monotonic clock.
            come_by_s: By when all that were told so may have come.
        """
        if now_s >= come_by_s:
            return None
        held_from = self.held_from if now_s - self.held_to < MOST_HELD_S else now_s
        if now_s - held_from > MOST_HELD_S:
            return None
        return replace(self, held=True, held_from=held_from, held_to=now_s)

    def after_failure(self) -> Watch:
        """The watch when a round could not be written."""
        return replace(self, failed=True)

    def after(self, now: Moment, *, backlog: bool = False) -> Watch:
        """The watch when a round was written."""
        return replace(self, last=now, failed=False, held=False, backlog=backlog)

    @property
    def all_ended_until(self) -> float | None:
        """The database's time up to which every lease that was over has been ended.

        A lease in force that ends before it was given that end by a clock that was set back and
        right again between two rounds. None when there is no saying.
        """
        return None if self.last is None or self.backlog else self.last.database_at

    def disturbance(self, now: Moment) -> Disturbance | None:
        """Why leases have to begin their lives anew at this round; None when nothing was amiss."""
        last = self.last
        if last is None:
            return Disturbance.START
        if self.failed or now.outages != last.outages:
            return Disturbance.OUTAGE
        if self.held:
            return Disturbance.TOLD_TO_WAIT
        passed_s = now.monotonic_s - last.monotonic_s
        if abs(now.database_at - last.database_at - passed_s) > self.limits.step_s:
            return Disturbance.CLOCK
        return Disturbance.STOPPED if passed_s > self.limits.quiet_s else None
