"""How the slots that hold leases are getting on, as far as the manager has heard."""

from __future__ import annotations

import time

from framefarm.core.tail import Pace, usual_seconds
from framefarm.farm.roster import Roster

_GONE_S = 1e6
"""A worker that is not connected is taken to be at its unit for ever: it may never come back."""
_FRESH_S = 1.0
_STAGES_REMEMBERED = 1_000


class Paces:
    """Answers from the roster. May be asked from any thread; the answer is of this moment."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._usual: dict[int, tuple[float, float | None]] = {}

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
        """What a unit of a stage takes on the workers that are connected; None when unknown.

        As of a second ago at most: ten thousand workers that each get their first lease of a stage
        must not each look at all the others.
        """
        now = time.monotonic()
        known = self._usual.get(stage_id)
        if known is not None and known[0] > now:
            return known[1]
        speeds = [link.speeds.get(stage_id) for link in self._roster]
        usual_s = usual_seconds(Pace(s.seconds_per_unit) for s in speeds if s is not None)
        if len(self._usual) >= _STAGES_REMEMBERED:
            self._usual.clear()
        self._usual[stage_id] = (now + _FRESH_S, usual_s)
        return usual_s
