"""How the slots that hold leases are getting on, as far as the manager has heard."""

from __future__ import annotations

import time

from framefarm.core.tail import Pace, usual_seconds
from framefarm.farm.roster import Roster

_GONE_S = 1e6
"""A worker that is not connected is taken to be at its unit for ever: it may never come back."""


class Paces:
    """Answers from the roster. May be asked from any thread; the answer is of this moment."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def of(self, stage_id: int, worker_id: str, slot_name: str, unit: int) -> Pace:
        """How a slot is getting on with a unit, the first of those it has left."""
        link = self._roster.get(worker_id)
        slot = link.slots.get(slot_name) if link is not None else None
        if link is None or slot is None:
            return Pace(elapsed_s=_GONE_S)
        speed = link.speeds.get(stage_id)
        each_s = speed.seconds_per_unit if speed is not None else None
        at = slot.at
        if at is None or at.unit != unit:
            return Pace(each_s)
        share = at.done / at.total if at.total else None
        return Pace(each_s, time.monotonic() - at.begun_at, share)

    def usual_s(self, stage_id: int) -> float | None:
        """What a unit of a stage takes on the workers that are connected; None when unknown."""
        speeds = [link.speeds.get(stage_id) for link in self._roster]
        return usual_seconds(Pace(speed.seconds_per_unit) for speed in speeds if speed is not None)
