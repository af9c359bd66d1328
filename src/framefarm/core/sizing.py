"""How many units one lease holds."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

TARGET_S = 30.0
"""Work handed out at a time. Long enough that asking costs nothing, short enough that a lost
worker loses little and that a changed priority shows soon."""

LARGEST_LEASE = 1_000
"""Most units of one lease, however fast they are: one lease is one message and one row."""

_REMEMBERED = 9


def units_to_lease(
    *,
    seconds_per_unit: float | None,
    target_s: float = TARGET_S,
    pending: int,
    slots: int,
    largest: int = LARGEST_LEASE,
) -> int:
    """Decide how many units to give to one slot now.

    Guided self-scheduling (Polychronopoulos and Kuck, 1987): near the end the leases shrink,
    so that all slots end at about the same time. Half of an even share is used, because
    frames differ and the last lease must not be the long one.

    Args:
        seconds_per_unit: What a unit of this job took on this worker; None when unknown.
        target_s: Seconds of work a lease should hold.
        pending: Units that nobody works on yet.
        slots: Slots working on this job, the asking one included.
        largest: Most units of one lease.

    Returns:
        Units to lease: 0 when none is pending, else at least 1; 1 while the speed is unknown.
    """
    if pending <= 0:
        return 0
    if seconds_per_unit is None or not isfinite(seconds_per_unit):
        return 1
    share = -(-pending // (2 * max(1, slots)))
    most = max(1, min(share, largest, pending))
    if seconds_per_unit * most <= target_s:
        return most
    return max(1, int(target_s / seconds_per_unit))


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast one worker does the units of one job.

    The median of the latest units, because one unit far from the others must not change the
    size of a lease: the first frame loads the scene and compiles shaders, and now and then a
    machine stalls. A mean would follow both.

    Attributes:
        latest_s: Seconds of the latest units, oldest first.
    """

    latest_s: tuple[float, ...] = ()

    @property
    def seconds_per_unit(self) -> float | None:
        """Seconds a unit takes; None before the first one. Of two, the lower one."""
        if not self.latest_s:
            return None
        return sorted(self.latest_s)[(len(self.latest_s) - 1) // 2]

    def after(self, seconds: float) -> Speed:
        """The speed when one more unit took `seconds`; a number that is no duration is ignored."""
        if not isfinite(seconds) or seconds < 0:
            return self
        return Speed((*self.latest_s[1 - _REMEMBERED :], seconds))
