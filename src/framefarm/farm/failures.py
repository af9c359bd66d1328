"""A worker says that a unit could not be made (L4, L9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, delete, select, update

from framefarm.core.blame import NEVER_BETTER, OUT_OF_MEMORY, Fault, Lot, Verdict, judge
from framefarm.core.spans import Spans
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.blame import Blame, asked_of, faults_of, note_faults
from framefarm.farm.catalog import Catalog, StageFacts
from framefarm.farm.finishes import Settlement
from framefarm.farm.holding import cause_of, hold_if_all_fails, hold_instead
from framefarm.farm.late_finishes import leases_holding, take_from_pending
from framefarm.farm.news import News, UnitNews
from framefarm.farm.quarantine import Charges
from framefarm.farm.settling import end_what_is_done, make_pending, refresh_claimable


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

    @property
    def fault(self) -> Fault:
        """What counts of it."""
        allowed = self.memory_bytes if self.reason == OUT_OF_MEMORY else 0
        return Fault(self.worker_id, self.reason, allowed, self.peak_memory_bytes)


def fail_many(
    connection: Connection, catalog: Catalog, failures: Sequence[Failure], blame: Blame
) -> list[Settlement]:
    """Settle failures: `noted`, or `stale` when they are not from the current attempt."""
    return [_fail_one(connection, catalog, failure, blame) for failure in failures]


def _fail_one(
    connection: Connection, catalog: Catalog, failure: Failure, blame: Blame
) -> Settlement:
    stage = catalog.stage(connection, failure.stage_id)
    next_attempt = _take_off_lease(connection, failure) if stage is not None else None
    if stage is None or next_attempt is None:
        return Settlement("stale")
    now, news = database_now(connection), News(jobs={stage.job_id})
    verdict = _judge(connection, failure, blame, now, news)
    _note(connection, failure, verdict, now)
    news.units.append(_settle(connection, stage, failure, verdict, next_attempt))
    news.work = verdict is not None and not verdict.failed
    Charges(connection, blame.limits, news).charge_trial(failure.lease_id, failure.reason)
    refresh_claimable(connection, [stage.id])
    end_what_is_done(connection, [stage.id], now=now, news=news)
    hold_if_all_fails(connection, stage.id, failure.reason, blame, now=now, news=news)
    return Settlement("noted", news)


def note_failure(
    connection: Connection, catalog: Catalog, failure: Failure, blame: Blame, news: News
) -> None:
    """Count a failure that the manager found itself, of a unit that its lease has given back.

    The lease, ended, keeps the unit: should the worker deliver it all the same, it counts (L4).
    """
    stage = catalog.stage(connection, failure.stage_id)
    if stage is None:
        return
    now = database_now(connection)
    verdict = _judge(connection, failure, blame, now, news)
    failed = verdict is not None and verdict.failed
    if failed and not take_from_pending(connection, stage.id, failure.unit):
        return
    _note(connection, failure, verdict, now)
    if verdict is not None and failed:
        connection.execute(_LEASED_TO_FAILED.where(t.stages.c.id == stage.id))
        why = verdict.why or failure.message
        news.units.append(_news_of(stage, failure, "failed", why))
    else:
        news.units.append(_news_of(stage, failure, "retry", failure.message))
    Charges(connection, blame.limits, news).charge_trial(failure.lease_id, failure.reason)
    refresh_claimable(connection, [stage.id])
    end_what_is_done(connection, [stage.id], now=now, news=news)
    hold_if_all_fails(connection, stage.id, failure.reason, blame, now=now, news=news)


def _judge(
    connection: Connection, failure: Failure, blame: Blame, now: float, news: News
) -> Verdict | None:
    """What becomes of a unit; None while another lease has it (L11): that is seen at its end."""
    if leases_holding(connection, failure.stage_id, failure.unit):
        return None
    earlier = faults_of(connection, failure.stage_id, [failure.unit]).get(failure.unit, [])
    asked = asked_of(connection, failure.stage_id)
    another = partial(blame.elsewhere, connection, asked)
    verdict = judge([*earlier, failure.fault], blame.limits, another)
    may_pass = verdict.failed and not verdict.why and failure.reason not in NEVER_BETTER
    cause = cause_of(failure.reason, failure.message)
    if may_pass and hold_instead(
        connection, failure.stage_id, cause, blame.limits, now=now, news=news
    ):
        return Verdict(Lot.AGAIN_LAST)
    return verdict


def _settle(
    connection: Connection,
    stage: StageFacts,
    failure: Failure,
    verdict: Verdict | None,
    next_attempt: int,
) -> UnitNews:
    """Put the unit where it belongs now."""
    if verdict is None:
        return _news_of(stage, failure, "leased", failure.message)
    if verdict.failed:
        connection.execute(_LEASED_TO_FAILED.where(t.stages.c.id == stage.id))
        return _news_of(stage, failure, "failed", verdict.why or failure.message)
    connection.execute(_ONE_LESS_LEASED.where(t.stages.c.id == stage.id))
    run = (failure.unit, failure.unit, 1)
    # The first time in front, so that it is soon clear who is to blame; later on at the end, so
    # that one bad unit does not keep the good ones waiting.
    position = 0 if verdict.lot is Lot.AGAIN_FIRST else None
    make_pending(connection, stage.id, [run], attempt=next_attempt, position=position)
    return _news_of(stage, failure, "retry", failure.message)


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


def _note(connection: Connection, failure: Failure, verdict: Verdict | None, now: float) -> None:
    final = verdict is not None and verdict.failed
    row = {
        "stage_id": failure.stage_id,
        "unit": failure.unit,
        "attempt": failure.attempt,
        "worker_id": failure.worker_id,
        "reason": failure.reason,
        "message": (verdict.why if verdict and final else "") or failure.message,
        "log_tail": failure.log_tail,
        "peak_memory_bytes": failure.peak_memory_bytes,
        "memory_bytes": failure.fault.memory_bytes,
        "final": final,
        "at": now,
    }
    note_faults(connection, [row])


def _news_of(stage: StageFacts, failure: Failure, state: str, message: str) -> UnitNews:
    return UnitNews(
        job_id=stage.job_id,
        stage_id=stage.id,
        kind=stage.kind,
        unit=failure.unit,
        state=state,
        worker_id=failure.worker_id,
        message=message,
    )
