"""How many requests somebody may make: so many a second, and some more at once. Pure."""

from __future__ import annotations

from collections import OrderedDict

_REMEMBERED = 10_000


class Rates:
    """Buckets of requests, one for each caller, that fill up as time passes.

    Args:
        per_s: Requests a second in the long run; 0 for any number.
        burst: Requests at once after a rest.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, now: float) -> float:
        """Take one request out of somebody's bucket.

        Args:
            who: Whose.
            now: Seconds of a clock that only rises.

        Returns:
            0 when there was one; else in how many seconds there will be, and none is taken.
        """
        if not self._per_s:
            return 0.0
        left, at = self._left.pop(who, (float(self._burst), now))
        left = min(self._burst, left + (now - at) * self._per_s)
        taken = left >= 1
        self._left[who] = (left - taken, now)
        if len(self._left) > _REMEMBERED:
            # Whoever asked longest ago has most likely a full bucket anyway.
            self._left.popitem(last=False)
        return 0.0 if taken else (1 - left) / self._per_s
