"""Carving leases off the pending spans (ideas 1 and 2 of the design; L1, L2, L12)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Integer, bindparam, delete, insert, or_, select, tuple_, update

from framefarm.core.sizing import units_to_lease
from framefarm.core.spans import Spans
from framefarm.core.states import JOB, JobEvent, JobState
from framefarm.db import Many, database_now
from framefarm.db import tables as t

_CANDIDATES = 64
_SPANS_AT_A_TIME = 50
_SPANS_LOOKED_AT = 1_000
"""Of one stage in one group of claims; a slot that may not have any of so many has to wait."""

Others = Callable[[str, str, frozenset[str]], bool]
"""Whether, of those connected, a worker that is none of these could do a kind of stage with a
version of Blender."""


def nobody_else(_kind: str, _blender: str, _avoid: frozenset[str]) -> bool:
    """The answer of a farm of one worker."""
    return False


class ClaimRequest(msgspec.Struct, frozen=True):
    """A slot that wants work.

    Attributes:
        kinds: Stage kinds it runs.
        blenders: Versions (`major.minor`) it can render with.
        warm: SHA-256 of the .blend its Blender holds open.
        seconds_per_unit: What units of a stage took on this worker, by stage id.
        peers: Slots of the farm, this one included, that do such work.
        others: Who else could do it; asked only about units that went wrong here.
        lease_s: How long the lease lives without a heartbeat.
    """

    worker_id: str
    slot: str
    kinds: frozenset[str]
    blenders: frozenset[str] = frozenset()
    warm: str | None = None
    seconds_per_unit: dict[int, float] = {}
    peers: int = 1
    others: Others = nobody_else
    lease_s: float = 30.0


class ClaimedLease(msgspec.Struct, frozen=True):
    """A lease as it was stored."""

    lease_id: str
    stage_id: int
    job_id: int
    worker_id: str
    slot: str
    units: Spans
    attempt: int


@dataclass
class _Span:
    """A row of `spans` while leases are carved off it."""

    id: int
    first: int
    last: int
    step: int
    attempt: int
    avoid: frozenset[str]
    touched: bool = False

    @property
    def count(self) -> int:
        return (self.last - self.first) // self.step + 1 if self.first <= self.last else 0

    def carve(self, n: int) -> Spans:
        taken = Spans.of(self.first, self.first + (n - 1) * self.step, self.step)
        self.first += n * self.step
        self.touched = True
        return taken


class _Source:
    """The pending units of one candidate stage during one group of claims."""

    def __init__(self, connection: Connection, stage: Any) -> None:
        self.stage = stage
        self.left: int = stage.pending
        self.taken = 0
        self._connection = connection
        self._spans: list[_Span] = []
        self._used_up = 0
        self._after = (-1, -1)
        self._exhausted = False

    def carve(self, request: ClaimRequest) -> tuple[Spans, int] | None:
        """Units and their attempt for one slot, None when nothing here suits it."""
        span = self._next(request)
        if span is None:
            return None
        n = units_to_lease(
            seconds_per_unit=request.seconds_per_unit.get(self.stage.id),
            pending=self.left,
            slots=request.peers,
            largest=self.stage.largest_lease,
        )
        n = min(n, span.count)
        self.left -= n
        self.taken += n
        return span.carve(n), span.attempt

    def _next(self, request: ClaimRequest) -> _Span | None:
        while self._used_up < len(self._spans) and not self._spans[self._used_up].count:
            self._used_up += 1
        at = self._used_up
        while True:
            for index in range(at, len(self._spans)):
                span = self._spans[index]
                if span.count and self._suits(request, span):
                    return span
            at = len(self._spans)
            if self._exhausted or at >= _SPANS_LOOKED_AT:
                return None
            self._load()

    def _suits(self, request: ClaimRequest, span: _Span) -> bool:
        """Whether a slot may have a span: others first, where its worker failed a unit of it."""
        if request.worker_id not in span.avoid:
            return True
        return not request.others(self.stage.kind, self.stage.blender, span.avoid)

    def _load(self) -> None:
        position, last = self._after
        rows = self._connection.execute(
            _NEXT_SPANS, {"stage": self.stage.id, "position": position, "last": last}
        ).all()
        self._exhausted = len(rows) < _SPANS_AT_A_TIME
        if rows:
            self._after = (rows[-1].position, rows[-1].id)
        failed = self._failed_on([row for row in rows if row.attempt > 1])
        for row in rows:
            avoid = frozenset(w for unit, w in failed if row.first <= unit <= row.last)
            self._spans.append(_Span(row.id, row.first, row.last, row.step, row.attempt, avoid))

    def _failed_on(self, rows: Sequence[Any]) -> list[tuple[int, str]]:
        """Units of these spans that went wrong, each with the worker: others try first (L9)."""
        if not rows:
            return []
        found = self._connection.execute(
            select(t.faults.c.unit, t.faults.c.worker_id).where(
                t.faults.c.stage_id == self.stage.id,
                or_(*(t.faults.c.unit.between(row.first, row.last) for row in rows)),
                t.faults.c.reason != "lost",
                ~t.faults.c.forgiven,
            )
        )
        return [(row.unit, row.worker_id) for row in found]

    def flush(self) -> None:
        """Store what is left of the spans."""
        for span in self._spans:
            if not span.touched:
                continue
            if span.count:
                self._connection.execute(_SHRINK_SPAN, {"span": span.id, "new_first": span.first})
            else:
                self._connection.execute(_DELETE_SPAN, {"span": span.id})
        if self.taken:
            self._connection.execute(_COUNT_LEASED, {"stage": self.stage.id, "n": self.taken})


# Statements are built once: building one anew costs as much as running it, for every group.
_NEXT_SPANS = (
    select(t.spans)
    .where(
        t.spans.c.stage_id == bindparam("stage"),
        tuple_(t.spans.c.position, t.spans.c.id)
        > tuple_(bindparam("position", type_=Integer), bindparam("last", type_=Integer)),
    )
    .order_by(t.spans.c.position, t.spans.c.id)
    .limit(_SPANS_AT_A_TIME)
)
_CLAIMABLE = (
    select(
        t.stages.c.id,
        t.stages.c.job_id,
        t.stages.c.kind,
        t.stages.c.blender,
        t.stages.c.priority,
        t.stages.c.pending,
        t.stages.c.largest_lease,
        t.stages.c.blend_sha256,
    )
    .where(
        t.stages.c.claimable,
        t.stages.c.kind.in_(bindparam("kinds", expanding=True)),
        t.stages.c.blender.in_(bindparam("blenders", expanding=True)),
    )
    .order_by(t.stages.c.priority.desc(), t.stages.c.job_id, t.stages.c.position.desc())
    .limit(_CANDIDATES)
)
_SHRINK_SPAN = (
    update(t.spans).where(t.spans.c.id == bindparam("span")).values(first=bindparam("new_first"))
)
_DELETE_SPAN = delete(t.spans).where(t.spans.c.id == bindparam("span"))
_COUNT_LEASED = (
    update(t.stages)
    .where(t.stages.c.id == bindparam("stage"))
    .values(
        pending=t.stages.c.pending - bindparam("n"),
        leased=t.stages.c.leased + bindparam("n"),
        claimable=t.stages.c.pending > bindparam("n"),
    )
)
_START_JOB = (
    update(t.jobs)
    .where(t.jobs.c.id == bindparam("job"), t.jobs.c.state.in_(JOB.sources(JobEvent.START)))
    .values(
        state=JobState.RUNNING,
        started_at=bindparam("now"),
    )
)
_INSERT_LEASE = Many(insert(t.leases), *t.leases.c.keys())


def claim_many(
    connection: Connection, requests: Sequence[ClaimRequest]
) -> list[ClaimedLease | None]:
    """Lease the best next units to each slot.

    Jobs are served by priority, then age; within one priority a slot stays with the file its
    Blender holds open (L12). Later stages of a job come before earlier ones, so that its movie is
    encoded while it renders.

    Args:
        connection: Open transaction; the caller commits.
        requests: At most one for each slot.

    Returns:
        A lease for each request, None where nothing that the slot may run is pending.
    """
    now = database_now(connection)
    by_ability: dict[tuple[frozenset[str], frozenset[str]], list[int]] = {}
    for index, request in enumerate(requests):
        by_ability.setdefault((request.kinds, request.blenders), []).append(index)
    sources: dict[int, _Source] = {}
    claimed: list[ClaimedLease | None] = [None] * len(requests)
    for (kinds, blenders), indexes in by_ability.items():
        offered = _candidates(connection, kinds, blenders, sources)
        for index in indexes:
            if not offered:
                break
            claimed[index] = _claim(requests[index], offered)
            offered = [source for source in offered if source.left]
    _store(connection, [c for c in claimed if c], sources.values(), requests[0].lease_s, now)
    return claimed


def _candidates(
    connection: Connection,
    kinds: frozenset[str],
    blenders: frozenset[str],
    sources: dict[int, _Source],
) -> list[_Source]:
    rows = connection.execute(
        _CLAIMABLE, {"kinds": sorted(kinds), "blenders": ["", *sorted(blenders)]}
    ).all()
    found = [sources.setdefault(row.id, _Source(connection, row)) for row in rows]
    return [source for source in found if source.left]


def _claim(request: ClaimRequest, offered: list[_Source]) -> ClaimedLease | None:
    for source in _preferred(request, offered):
        carved = source.carve(request)
        if carved is None:
            continue
        units, attempt = carved
        return ClaimedLease(
            lease_id=secrets.token_hex(16),
            stage_id=source.stage.id,
            job_id=source.stage.job_id,
            worker_id=request.worker_id,
            slot=request.slot,
            units=units,
            attempt=attempt,
        )
    return None


def _preferred(request: ClaimRequest, offered: list[_Source]) -> Iterable[_Source]:
    best = offered[0].stage
    if request.warm is None or best.blend_sha256 == request.warm:
        return offered
    warm = [
        source
        for source in offered
        if source.stage.priority == best.priority and source.stage.blend_sha256 == request.warm
    ]
    return [*warm, *offered]


def _store(
    connection: Connection,
    claimed: list[ClaimedLease],
    sources: Iterable[_Source],
    lease_s: float,
    now: float,
) -> None:
    if not claimed:
        return
    for source in sources:
        source.flush()
    _INSERT_LEASE.run(connection, [_lease_row(lease, now, lease_s) for lease in claimed])
    for job_id in sorted({lease.job_id for lease in claimed}):
        connection.execute(_START_JOB, {"job": job_id, "now": now})


def _lease_row(lease: ClaimedLease, now: float, lease_s: float) -> tuple[object, ...]:
    """The columns of `leases`, in their order."""
    return (
        lease.lease_id,
        lease.stage_id,
        lease.worker_id,
        lease.slot,
        lease.attempt,
        str(lease.units),
        "active",
        now,
        now + lease_s,
        False,
        lease.attempt + 1,
    )
