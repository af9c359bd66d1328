"""Taking units off one stage's pending spans (idea 2 of the design)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    and_,
    bindparam,
    delete,
    false,
    select,
    tuple_,
    update,
)

from framefarm.core.blame import KILLED, LOST, enough_memory
from framefarm.core.requirements import Requirements
from framefarm.core.sizing import units_to_lease
from framefarm.core.spans import Spans
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.claim_requests import ClaimRequest

_SPANS_AT_A_TIME = 50
_SPANS_LOOKED_AT = 1_000
"""Of one stage in one group of claims; a slot that may not have any of so many has to wait."""


@dataclass
class _Span:
    """A row of `spans` while leases are carved off it.

    Attributes:
        faults: What went wrong with units that are left of it, and where (L9).
    """

    id: int
    first: int
    last: int
    step: int
    attempt: int
    faults: Sequence[Any] = ()
    touched: bool = False

    @property
    def count(self) -> int:
        return (self.last - self.first) // self.step + 1 if self.first <= self.last else 0

    def carve(self, n: int) -> tuple[Spans, bool]:
        """The next units, and whether what is left is for slots that could not have it before."""
        taken = Spans.of(self.first, self.first + (n - 1) * self.step, self.step)
        self.first += n * self.step
        self.touched = True
        left = [fault for fault in self.faults if fault.unit >= self.first]
        opens = bool(self.count) and len(left) < len(self.faults)
        self.faults = left
        return taken, opens


class Source:
    """The pending units of one candidate stage during one group of claims."""

    def __init__(self, connection: Connection, stage: Any, asked: Requirements) -> None:
        self.stage = stage
        self.asked = asked
        self.left: int = stage.pending
        self.taken = 0
        self._connection = connection
        self._spans: list[_Span] = []
        self._used_up = 0
        self._after = (-1, -1)
        self._exhausted = False

    @property
    def what(self) -> tuple[str, str]:
        """Kind and Blender, by which workers are barred."""
        return self.asked.kind, self.asked.blender

    def carve(self, request: ClaimRequest) -> tuple[Spans, int, bool] | None:
        """Units and their attempt for one slot, None when nothing here suits it.

        Also whether that leaves units for slots that could not have them before: these wait, and
        nothing else would wake them.
        """
        if self.what in request.barred or self.stage.id in request.resting:
            return None
        found = self._next(request)
        if found is None:
            return None
        span, free = found
        single = self.stage.on_trial or self.what in request.probation
        n = units_to_lease(
            seconds_per_unit=request.seconds_per_unit.get(self.stage.id),
            pending=self.left,
            slots=request.peers,
            largest=1 if single else self.stage.largest_lease,
        )
        n = min(n, free)
        self.left = 0 if self.stage.on_trial else self.left - n
        self.taken += n
        units, opens = span.carve(n)
        return units, span.attempt, opens

    def has_for(self, request: ClaimRequest) -> bool:
        """Whether a slot that rests from nothing could have any of it now; takes nothing."""
        suits = request.ability.suits(self.asked) and self.what not in request.barred
        return suits and self.left > 0 and self._next(request) is not None

    def _next(self, request: ClaimRequest) -> tuple[_Span, int] | None:
        """The first span of which a slot may have some units, and how many of the next."""
        while self._used_up < len(self._spans) and not self._spans[self._used_up].count:
            self._used_up += 1
        at = self._used_up
        while True:
            for index in range(at, len(self._spans)):
                span = self._spans[index]
                if span.count and (free := self._free(request, span)):
                    return span, free
            at = len(self._spans)
            if self._exhausted or at >= _SPANS_LOOKED_AT:
                return None
            self._load()

    def _free(self, request: ClaimRequest, span: _Span) -> int:
        """How many of a span's next units a slot may have: those before one that it is kept off."""
        kept_off = [fault.unit for fault in span.faults if self._keeps_off(request, span, fault)]
        return (min(kept_off) - span.first) // span.step if kept_off else span.count

    def _keeps_off(self, request: ClaimRequest, span: _Span, fault: Any) -> bool:
        """Whether a slot leaves a unit that went wrong to others (L9), or lacks the memory."""
        if not enough_memory(request.ability.memory_bytes, fault.memory_bytes):
            return True
        if request.worker_id != fault.worker_id:
            return False
        its = [one for one in span.faults if one.unit == fault.unit]
        tried = frozenset(one.worker_id for one in its)
        most_bytes = max(one.memory_bytes for one in its)
        # Also who is not in the job's session: one that lacks the units it has left gets others.
        return request.others(self.asked.of_anybody, tried, most_bytes)

    def _load(self) -> None:
        position, last = self._after
        rows = _NEXT_SPANS.rows(self._connection, stage=self.stage.id, position=position, last=last)
        self._exhausted = len(rows) < _SPANS_AT_A_TIME
        if rows:
            self._after = (rows[-1].position, rows[-1].id)
        faults = self._faults_of([row for row in rows if row.attempt > 1])
        for row in rows:
            here = [fault for fault in faults if _was_tried(row, fault.unit)]
            self._spans.append(
                _Span(
                    id=row.id,
                    first=row.first,
                    last=row.last,
                    step=row.step,
                    attempt=row.attempt,
                    faults=here,
                )
            )

    def _faults_of(self, rows: Sequence[Any]) -> Sequence[Any]:
        """What went wrong with units of these spans, and where: others try first (L9)."""
        return [
            fault
            for row in rows
            for fault in _FAULTS_IN.rows(
                self._connection, stage=self.stage.id, first=row.first, last=row.last
            )
        ]

    def flush(self) -> None:
        """Store what is left of the spans."""
        for span in self._spans:
            if not span.touched:
                continue
            if span.count:
                _SHRINK_SPAN.run(self._connection, span=span.id, new_first=span.first)
            else:
                _DELETE_SPAN.run(self._connection, span=span.id)
        if self.taken:
            _COUNT_LEASED.run(self._connection, stage=self.stage.id, n=self.taken)


def _was_tried(span: Any, unit: int) -> bool:
    """Whether a unit that went wrong is of a span; others may lie between its first and last."""
    return bool(
        span.attempt > 1
        and span.first <= unit <= span.last
        and (unit - span.first) % span.step == 0
    )


_FAULTS_IN = Prepared(
    select(t.faults.c.unit, t.faults.c.worker_id, t.faults.c.memory_bytes).where(
        t.faults.c.stage_id == bindparam("stage"),
        t.faults.c.unit.between(bindparam("first"), bindparam("last")),
        t.faults.c.reason.not_in((LOST, KILLED)),
        ~t.faults.c.forgiven,
    )
)
_NEXT_SPANS = Prepared(
    select(t.spans)
    .where(
        t.spans.c.stage_id == bindparam("stage"),
        tuple_(t.spans.c.position, t.spans.c.id)
        > tuple_(bindparam("position", type_=Integer), bindparam("last", type_=Integer)),
    )
    .order_by(t.spans.c.position, t.spans.c.id)
    .limit(_SPANS_AT_A_TIME)
)
_SHRINK_SPAN = Prepared(
    update(t.spans).where(t.spans.c.id == bindparam("span")).values(first=bindparam("new_first"))
)
_DELETE_SPAN = Prepared(delete(t.spans).where(t.spans.c.id == bindparam("span")))
_COUNT_LEASED = Prepared(
    update(t.stages)
    .where(t.stages.c.id == bindparam("stage"))
    .values(
        pending=t.stages.c.pending - bindparam("n"),
        leased=t.stages.c.leased + bindparam("n"),
        claimable=and_(t.stages.c.pending > bindparam("n"), ~t.stages.c.on_trial),
        on_trial=false(),
    )
)
