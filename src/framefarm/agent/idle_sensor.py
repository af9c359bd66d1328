"""How busy the machine is with what is not ours, and when somebody last touched it."""

from __future__ import annotations

import contextlib
import time

import psutil  # type: ignore[import-untyped,unused-ignore]  # stubs are a package of their own

from framefarm.agent.idleness import Sensed
from framefarm.agent.user_input import untouched_s

Key = tuple[int, float]


class IdleSensor:
    """Measures from one call to the next. Each takes some milliseconds; call it from a thread."""

    def __init__(self) -> None:
        self._own = psutil.Process()
        self._total_s, self._busy_s = _machine_times()
        self._ours = self._own_times()

    def look(self) -> Sensed:
        """What there was since the last call."""
        total_s, busy_s = _machine_times()
        ours = self._own_times()
        spent_s = sum(now - self._ours.get(key, 0.0) for key, now in ours.items())
        passed_s = total_s - self._total_s
        others_s = busy_s - self._busy_s - spent_s
        self._total_s, self._busy_s, self._ours = total_s, busy_s, ours
        load = others_s / passed_s if passed_s > 0 else 0.0
        return Sensed(time.monotonic(), min(1.0, max(0.0, load)), untouched_s())

    def _own_times(self) -> dict[Key, float]:
        """Seconds of the processor that each of our processes took so far."""
        times: dict[Key, float] = {}
        for process in (self._own, *self._children()):
            with contextlib.suppress(psutil.Error):
                taken = process.cpu_times()
                times[process.pid, process.create_time()] = taken.user + taken.system
        return times

    def _children(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return list(self._own.children(recursive=True))
        return []


def _machine_times() -> tuple[float, float]:
    """Seconds of all cores that passed, and that were busy."""
    times = psutil.cpu_times()
    # What virtual machines take is part of what users take, and would count twice.
    doubled = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    total = sum(times) - doubled
    return total, total - times.idle - getattr(times, "iowait", 0.0)
