"""Rounds of the manager's duties that would find nothing to do, answered without being run.

Every second a manager looks for leases that are over, and for units to lend twice to each idle
slot. Nearly always there is none, and looking is most of what an idle farm costs; a simulated day
has 86,400 seconds. A few plain questions tell beforehand that a round would change nothing.
"""

from __future__ import annotations

import time
from typing import Any

from framefarm.core.grace import Moment, Watch
from framefarm.farm.expiry import Round
from framefarm.farm.news import News
from framefarm.farm.tails import TailRequest

from .database import Database

NOT_SHORT = object()
RUN_ONE_IN = 16
"""So many rounds are run all the same, lest this here be wrong."""


class Shortcuts:
    """Knows what a round would answer, if that is plain.

    Args:
        database: What it would read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked = 0

    def answer(self, item: Any, outages: int) -> Any:
        """The answer for an item that changes nothing; `NOT_SHORT` when it may change something."""
        if not isinstance(item, Watch | TailRequest) or not self._database.quiet:
            return NOT_SHORT
        self._asked += 1
        if self._asked % RUN_ONE_IN == 0:
            return NOT_SHORT
        if isinstance(item, TailRequest):
            return NOT_SHORT if self._may_lend(item) else None
        return self._expiry(item, outages)

    def _may_lend(self, item: TailRequest) -> bool:
        """Whether another worker holds a unit, of a kind this slot does, with none pending."""
        kinds = self._database.ask(_ENDING_KINDS, item.claim.worker_id)
        return any(kind in item.claim.ability.kinds for (kind,) in kinds)

    def _expiry(self, watch: Watch, outages: int) -> Any:
        now = Moment(time.monotonic(), self._database.clock(), outages)
        if watch.disturbance(now) is not None:
            return NOT_SHORT
        if self._database.ask(_ANY_OVER, now.database_at):
            return NOT_SHORT
        return Round(News(), watch.after(now))


_ENDING_KINDS = """
SELECT DISTINCT s.kind FROM leases l JOIN stages s ON s.id = l.stage_id
WHERE l.state = 'active' AND NOT l.tail AND l.worker_id <> ? AND s.pending = 0"""
_ANY_OVER = "SELECT 1 FROM leases WHERE state = 'active' AND expires_at <= ? LIMIT 1"
