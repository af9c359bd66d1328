"""How fast jobs have been going lately. Memory only; after a restart it fills again."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

_REMEMBERED = 200
_STAGES = 1_000


@dataclass
class _Stage:
    finished: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    begun: dict[int, float] = field(default_factory=dict)


_NOTHING = _Stage()


class Pulse:
    """The latest finished units of each stage, and when those in work were begun.

    It is changed in the manager's event loop, and may be read in any thread meanwhile.
    """

    def __init__(self) -> None:
        self._stages: OrderedDict[int, _Stage] = OrderedDict()

    def begun(self, stage_id: int, unit: int) -> None:
        """A unit is being worked on."""
        self._stage(stage_id).begun.setdefault(unit, time.monotonic())

    def finished(self, stage_id: int, unit: int, seconds: float) -> None:
        """A unit was finished."""
        stage = self._stage(stage_id)
        stage.begun.pop(unit, None)
        stage.finished.append((time.monotonic(), seconds))

    def stopped(self, stage_id: int, unit: int) -> None:
        """A unit is not being worked on any more, and is not finished."""
        self._stage(stage_id).begun.pop(unit, None)

    def seconds(self, stage_id: int) -> list[float]:
        """Seconds of the latest units, oldest first."""
        return [seconds for _, seconds in tuple(self._known(stage_id).finished)]

    def running_s(self, stage_id: int, leased: int) -> list[float]:
        """For how long each of the units in work has been, as far as is known; 0 for the others."""
        now = time.monotonic()
        known = [now - at for at in tuple(self._known(stage_id).begun.values())][:leased]
        return known + [0.0] * (leased - len(known))

    def per_minute(self, stage_id: int) -> float | None:
        """Units finished per minute lately; None before the second one."""
        finished = tuple(self._known(stage_id).finished)
        if len(finished) < 2:  # noqa: PLR2004  a rate needs two points
            return None
        # What a burst of results shows ends with its last one; a pause after it counts too.
        span_s = time.monotonic() - finished[0][0]
        return 60.0 * (len(finished) - 1) / max(span_s, 1e-3)

    def _known(self, stage_id: int) -> _Stage:
        """What is known of a stage. Whoever looks at a thousand jobs forgets none for that."""
        return self._stages.get(stage_id, _NOTHING)

    def _stage(self, stage_id: int) -> _Stage:
        stage = self._stages.setdefault(stage_id, _Stage())
        self._stages.move_to_end(stage_id)
        if len(self._stages) > _STAGES:
            self._stages.popitem(last=False)
        return stage
