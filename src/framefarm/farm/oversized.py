"""Units that ran out of memory and wait for a worker with more, when there is none left (L9)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, func, select, update

from framefarm.core.blame import OUT_OF_MEMORY, judge
from framefarm.core.states import JobState
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.blame import Blame, asked_of, faults_of
from framefarm.farm.catalog import Catalog
from framefarm.farm.late_finishes import take_from_pending
from framefarm.farm.news import News, UnitNews
from framefarm.farm.settling import end_what_is_done, refresh_claimable

_LIVE = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True)
class _Waiting:
    """A unit with its latest fault for want of memory."""

    stage_id: int
    unit: int
    fault_id: int
    worker_id: str


def give_up_oversized(connection: Connection, catalog: Catalog, blame: Blame) -> News:
    """Fail units that wait for memory which no worker has any more.

    When they ran out, a worker with more was there. It has gone since, and without this they would
    wait for it for ever, and their jobs with them.
    """
    news, now = News(), database_now(connection)
    by_stage: dict[int, list[_Waiting]] = defaultdict(list)
    for waiting in _out_of_memory(connection):
        by_stage[waiting.stage_id].append(waiting)
    for stage_id, units in by_stage.items():
        stage, asked = catalog.stage(connection, stage_id), asked_of(connection, stage_id)
        faults = faults_of(connection, stage_id, [one.unit for one in units])
        for one in units:
            another = partial(blame.elsewhere, connection, asked)
            verdict = judge(faults[one.unit], blame.limits, another)
            if stage is None or not verdict.failed or not verdict.why:
                continue
            if not take_from_pending(connection, stage_id, one.unit):
                continue
            _fail(connection, one, verdict.why)
            told = (stage.job_id, stage_id, stage.kind, one.unit, "failed", one.worker_id)
            news.units.append(UnitNews(*told, message=verdict.why))
        refresh_claimable(connection, [stage_id])
        end_what_is_done(connection, [stage_id], now=now, news=news)
    return news


def _out_of_memory(connection: Connection) -> list[_Waiting]:
    """Units of live jobs with a fault for want of memory that counts, and none that is final."""
    rows = connection.execute(
        select(
            t.faults.c.stage_id,
            t.faults.c.unit,
            func.max(t.faults.c.id).label("fault_id"),
            func.max(t.faults.c.worker_id).label("worker_id"),
        )
        .join(t.stages, t.stages.c.id == t.faults.c.stage_id)
        .join(t.jobs, t.jobs.c.id == t.stages.c.job_id)
        .where(
            t.jobs.c.state.in_(_LIVE),
            t.stages.c.pending > 0,
            t.faults.c.reason == OUT_OF_MEMORY,
            t.faults.c.memory_bytes > 0,
            ~t.faults.c.forgiven,
            ~t.faults.c.final,
        )
        .group_by(t.faults.c.stage_id, t.faults.c.unit)
    )
    return [_Waiting(row.stage_id, row.unit, row.fault_id, row.worker_id) for row in rows]


def _fail(connection: Connection, one: _Waiting, why: str) -> None:
    connection.execute(
        update(t.faults).where(t.faults.c.id == one.fault_id).values(final=True, message=why)
    )
    counters = {"leased": t.stages.c.leased - 1, "failed": t.stages.c.failed + 1}
    connection.execute(update(t.stages).where(t.stages.c.id == one.stage_id).values(**counters))
