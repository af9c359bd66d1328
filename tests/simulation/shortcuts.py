"""Rounds of the manager's duties that would find nothing to do, answered without being run.

Every second a manager looks for leases that are over, for units to lend twice to each idle slot,
and for workers that fell silent. Nearly always there is none, and looking is most of what an idle
farm costs; a simulated day has 86,400 seconds. A few plain questions tell beforehand that a round
would change nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from framefarm.core.grace import Moment, Watch
from framefarm.core.spans import Spans
from framefarm.core.tail import expected_ends, worth_starting
from framefarm.farm.claim_requests import ClaimRequest
from framefarm.farm.dispatch import Dispatcher
from framefarm.farm.expiry import Round
from framefarm.farm.grants import Grant
from framefarm.farm.holding import try_held
from framefarm.farm.news import News
from framefarm.farm.oversized import give_up_oversized
from framefarm.farm.roster import Link, Slot
from framefarm.farm.worker_states import note_lost
from framefarm.protocol.messages import Order

from .database import Database
from .timeline import Timeline

NOT_SHORT = object()
RUN_ONE_IN = 256
"""So many rounds are run all the same, lest this here be wrong."""


class Shortcuts:
    """Knows what a round would answer, if that is plain.

    Args:
        database: What it would read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked = 0

    def usable(self) -> bool:
        """Whether a shortcut may be taken this time."""
        self._asked += 1
        return self._database.quiet and self._asked % RUN_ONE_IN != 0

    def bars_moved(self) -> object:
        """Something else whenever others may be kept from work than before (L9)."""
        now = self._database.clock()
        rows = self._database.ask(_QUARANTINES)
        return [(*row, until <= now) for until, *row in rows] if self.usable() else object()

    def answer(self, item: Any, outages: int) -> Any:
        """The answer for an item that changes nothing; `NOT_SHORT` when it may change something."""
        kind = item.func if isinstance(item, partial) else type(item)
        short = _SHORT.get(kind)
        if short is None or not self.usable():
            return NOT_SHORT
        return short(self, item, outages)

    def _expiry(self, watch: Watch, outages: int) -> Any:
        now = Moment(time.monotonic(), self._database.clock(), outages)
        if watch.disturbance(now) is not None:
            return NOT_SHORT
        # A lease that ends later than a whole life from now, the clock alone can have made.
        whole = now.database_at + _LONGEST_LIFE_S
        ended = watch.all_ended_until or 0.0
        [(first, last)] = self._database.ask(_ENDS)
        if first is not None and (first <= max(now.database_at, ended) or last > whole):
            return NOT_SHORT
        return Round(News(), watch.after(now))

    def _claim(self, request: ClaimRequest, _: int) -> Any:
        if self._database.ask("SELECT 1 FROM jobs WHERE at_limit LIMIT 1"):
            return NOT_SHORT
        kinds = self._database.ask("SELECT DISTINCT kind FROM stages WHERE claimable")
        return NOT_SHORT if any(kind in request.ability.kinds for (kind,) in kinds) else None

    def _note_lost(self, _: Any, __: int) -> Any:
        [(seen_at,)] = self._database.ask(_LONGEST_SILENT)
        silent = seen_at is not None and seen_at <= self._database.clock() - _SHORTEST_LIFE_S
        return NOT_SHORT if silent else []

    def _give_up(self, _: Any, __: int) -> Any:
        return NOT_SHORT if self._database.ask(_ANY_WITHOUT_MEMORY) else News()

    def _try_held(self, _: Any, __: int) -> Any:
        return NOT_SHORT if self._database.ask(_ANY_HELD) else News()


_SHORT: dict[Any, Callable[[Shortcuts, Any, int], Any]] = {
    Watch: Shortcuts._expiry,
    ClaimRequest: Shortcuts._claim,
    note_lost: Shortcuts._note_lost,
    give_up_oversized: Shortcuts._give_up,
    try_held: Shortcuts._try_held,
}
_SHORTEST_LIFE_S, _LONGEST_LIFE_S = 30.0, 120.0
_ENDS = "SELECT min(expires_at), max(expires_at) FROM leases WHERE state = 'active'"
_LONGEST_SILENT = "SELECT min(last_seen_at) FROM workers WHERE state IN ('idle', 'busy')"
_QUARANTINES = """
SELECT q.until_at, q.worker_id, q.kind, q.blender, l.state
FROM quarantines q LEFT JOIN leases l ON l.id = q.trial_lease"""
_ANY_HELD = "SELECT 1 FROM jobs WHERE holds > 0 LIMIT 1"
_ANY_WITHOUT_MEMORY = "SELECT 1 FROM faults WHERE reason = 'out_of_memory' LIMIT 1"


class SimulatedDispatcher(Dispatcher):
    """The real one; slots ask for second leases only when one could be worth it (L11).

    Args:
        database: Of the farm.
        timeline: Of the simulation.
        shortcuts: Say when to ask all the same.
        parts: The real one's.
    """

    def __init__(
        self,
        *parts: Any,
        database: Database,
        timeline: Timeline,
        shortcuts: Shortcuts,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self._database = database
        self._timeline = timeline
        self._shortcuts = shortcuts
        self.lent: Counter[int] = Counter()
        """How many leases each slot had so far."""

    def _orders(self, link: Link, slot: Slot, grant: Grant) -> list[Order]:
        self.lent[id(slot)] += 1
        return super()._orders(link, slot, grant)

    async def pause_before_tails(self, every_s: float) -> None:
        await self._timeline.poll(every_s, self._may_be_ending)

    def _may_be_ending(self) -> bool:
        return not self._shortcuts.usable() or bool(self._database.ask(_ENDING))

    def _next_for_tails(self) -> list[tuple[Link, Slot]]:
        asking = super()._next_for_tails()
        if not self._shortcuts.usable():
            return asking
        ending = self._database.ask(_ENDING)
        return [pair for pair in asking if any(True for _ in self._worth(*pair, ending))]

    def idles(self, link: Link, slot: Slot) -> bool:
        """Whether a slot waits though a second lease would pay, which it may have (L11)."""
        if link.barred or link.probation:
            return False
        worth = {*self._worth(link, slot, self._database.ask(_ENDING))}
        failed = {*self._database.ask(_FAILED)} if worth else set()
        return any(one not in failed and one[0] not in link.resting for one in worth)

    def _worth(self, link: Link, slot: Slot, ending: list[Any]) -> Iterator[tuple[int, int]]:
        """Stages and units in work that end so late that a second lease would pay.

        Whether the slot may have it is for the real ones to say, which are what is tested.
        """
        for stage, kind, reserved, worker_id, slot_name, units, twice in ending:
            usual_s = self._paces.usual_s(stage)
            seconds_here = link.seconds_per_unit().get(stage, usual_s)
            its_own = reserved in (None, link.job) and worker_id != link.worker_id
            possible = kind in slot.ability.kinds and its_own
            if not possible or seconds_here is None:
                continue
            held, already = Spans.restore(units), Spans.restore(twice or "")
            pace = self._paces.of(stage, worker_id, slot_name, held.first)
            for end in expected_ends(list(held), pace, usual_s=usual_s):
                if end.unit not in already and worth_starting(end, seconds_here=seconds_here):
                    yield stage, end.unit


_FAILED = "SELECT DISTINCT stage_id, unit FROM faults WHERE reason <> 'lost'"
_ENDING = """
SELECT s.id, s.kind,
  (SELECT job_id FROM sessions x WHERE x.job_id = s.job_id AND x.ended_at IS NULL),
  l.worker_id, l.slot, l.units,
  (SELECT group_concat(units) FROM leases x
   WHERE x.stage_id = s.id AND x.state = 'active' AND x.tail)
FROM leases l JOIN stages s ON s.id = l.stage_id JOIN jobs j ON j.id = s.job_id
WHERE l.state = 'active' AND NOT l.tail AND s.pending = 0 AND j.state = 'running'
  AND NOT j.at_limit"""
