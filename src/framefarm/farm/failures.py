"""A worker says that a unit could not be made (L4, L9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from framefarm.core.spans import Spans
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog, StageFacts
from framefarm.farm.finishes import Settlement
from framefarm.farm.late_finishes import leases_holding
from framefarm.farm.news import News, UnitNews
from framefarm.farm.settling import end_what_is_done, make_pending, refresh_claimable

ERRORS_BEFORE_FAILED = 3
"""Attempts that may end in an error, on different workers where there are any (L9)."""

NEVER_BETTER = frozenset({"refused"})
"""Reasons another attempt cannot change: Blender says the file has no camera, no such scene."""


@dataclass(frozen=True)
class Failure:
    """A worker's report; see `framefarm.protocol.messages.Failed`."""

    lease_id: str
    stage_id: int
    unit: int
    attempt: int
    worker_id: str
    reason: str
    message: str
    log_tail: str = ""
    peak_memory_bytes: int = 0
    memory_bytes: int = 0


def fail_many(
    connection: Connection, catalog: Catalog, failures: Sequence[Failure]
) -> list[Settlement]:
    """Settle failures: `noted`, or `stale` when they are not from the current attempt."""
    return [_fail_one(connection, catalog, failure) for failure in failures]


def _fail_one(connection: Connection, catalog: Catalog, failure: Failure) -> Settlement:
    stage = catalog.stage(connection, failure.stage_id)
    next_attempt = _take_off_lease(connection, failure) if stage is not None else None
    if stage is None or next_attempt is None:
        return Settlement("stale")
    now = database_now(connection)
    state = _state_after(connection, failure)
    _note(connection, failure, final=state == "failed", now=now)
    news = News(jobs={stage.job_id}, work=state == "retry")
    if state == "failed":
        connection.execute(_LEASED_TO_FAILED.where(t.stages.c.id == stage.id))
    elif state == "retry":
        connection.execute(_ONE_LESS_LEASED.where(t.stages.c.id == stage.id))
        run = (failure.unit, failure.unit, 1)
        # Last, so that one bad unit does not keep the good ones waiting.
        make_pending(connection, stage.id, [run], attempt=next_attempt)
    news.units.append(_news_of(stage, failure, state))
    refresh_claimable(connection, [stage.id])
    end_what_is_done(connection, [stage.id], now=now, news=news)
    return Settlement("noted", news)


def _state_after(connection: Connection, failure: Failure) -> str:
    """What becomes of the unit: `failed`, `retry`, or `leased` while another worker is at it."""
    if leases_holding(connection, failure.stage_id, failure.unit):
        # Lent twice (L11): what becomes of it is seen when the other lease ends.
        return "leased"
    if failure.reason in NEVER_BETTER:
        return "failed"
    errors = _errors_so_far(connection, failure) + 1
    return "failed" if errors >= ERRORS_BEFORE_FAILED else "retry"


_LEASED_TO_FAILED = update(t.stages).values(
    leased=t.stages.c.leased - 1, failed=t.stages.c.failed + 1
)
_ONE_LESS_LEASED = update(t.stages).values(leased=t.stages.c.leased - 1)


def _take_off_lease(connection: Connection, failure: Failure) -> int | None:
    """Remove the unit from its lease, if the report is from the current attempt.

    Returns:
        The number of the unit's next attempt, None when the report is stale.
    """
    current = (
        (t.leases.c.id == failure.lease_id)
        & (t.leases.c.worker_id == failure.worker_id)
        & (t.leases.c.stage_id == failure.stage_id)
        & (t.leases.c.attempt == failure.attempt)
        & (t.leases.c.state == "active")
    )
    lease = connection.execute(
        select(t.leases.c.units, t.leases.c.next_attempt).where(current)
    ).one_or_none()
    units = Spans.restore(lease.units) if lease is not None else Spans()
    if lease is None or failure.unit not in units:
        return None
    left = units.difference(Spans.of(failure.unit, failure.unit))
    guarded = current & (t.leases.c.units == lease.units)
    if left:
        connection.execute(update(t.leases).where(guarded).values(units=str(left)))
    else:
        connection.execute(delete(t.leases).where(guarded))
    return int(lease.next_attempt)


def _errors_so_far(connection: Connection, failure: Failure) -> int:
    rows = connection.execute(
        select(t.faults.c.id).where(
            t.faults.c.stage_id == failure.stage_id,
            t.faults.c.unit == failure.unit,
            t.faults.c.reason != "lost",
            ~t.faults.c.forgiven,
        )
    ).all()
    return len(rows)


def _note(connection: Connection, failure: Failure, *, final: bool, now: float) -> None:
    connection.execute(
        insert(t.faults).values(
            stage_id=failure.stage_id,
            unit=failure.unit,
            attempt=failure.attempt,
            worker_id=failure.worker_id,
            reason=failure.reason,
            message=failure.message,
            log_tail=failure.log_tail,
            peak_memory_bytes=failure.peak_memory_bytes,
            memory_bytes=failure.memory_bytes if failure.reason == "out_of_memory" else 0,
            final=final,
            at=now,
        )
    )


def _news_of(stage: StageFacts, failure: Failure, state: str) -> UnitNews:
    return UnitNews(
        job_id=stage.job_id,
        stage_id=stage.id,
        kind=stage.kind,
        unit=failure.unit,
        state=state,
        worker_id=failure.worker_id,
        message=failure.message,
    )
