"""Keeping workers from what they fail and others finish, for a while (L9).

A worker is charged with a unit that it failed and another finished. Three charges for one kind of
stage and version of Blender are a strike: it gets none of that until its quarantine is over. Then
it gets one unit. Success ends the quarantine; failure is the next strike, and lasts twice as long.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from framefarm.core.blame import DISK, KILLED, LOST, NEVER_BETTER, OUT_OF_MEMORY, BlameLimits
from framefarm.core.states import WORKER, WorkerEvent, WorkerState, advance
from framefarm.db import Prepared, database_now
from framefarm.db import tables as t
from framefarm.farm.late_finishes import Finish
from framefarm.farm.news import News

_NOT_THE_WORKERS = (LOST, KILLED, OUT_OF_MEMORY, DISK, *sorted(NEVER_BETTER))
"""Reasons that say nothing of how well a worker works."""

_IN_AT_A_TIME = 300


class What(NamedTuple):
    """What a worker is not trusted with."""

    kind: str
    blender: str

    def __str__(self) -> str:
        return f"{self.kind} with Blender {self.blender}" if self.blender else self.kind


@dataclass(frozen=True)
class Bars:
    """What one worker may not have.

    Attributes:
        barred: Of these it gets nothing.
        probation: Of these it gets one unit.
    """

    barred: frozenset[tuple[str, str]] = frozenset()
    probation: frozenset[tuple[str, str]] = frozenset()


# --- charges ------------------------------------------------------------------------------------


@dataclass
class Charges:
    """Charges workers, within one transaction.

    Attributes:
        limits: The numbers.
        news: Learns whose quarantines changed.
    """

    connection: Connection
    limits: BlameLimits
    news: News

    def charge_others(self, finishes: Sequence[Finish]) -> None:
        """Charge workers that failed what was finished by another just now."""
        again = [finish for finish in finishes if finish.attempt > 1]
        suspects: set[tuple[str, What]] = set()
        for start in range(0, len(again), _IN_AT_A_TIME):
            suspects |= _suspects(self.connection, again[start : start + _IN_AT_A_TIME])
        for worker_id, what in sorted(suspects):
            charges = _charges(self.connection, worker_id, what)
            if len(charges) >= self.limits.charges:
                why = f"it failed {len(charges)} units of {what} that other workers finished"
                self._strike(worker_id, what, why)
                _spend(self.connection, worker_id, charges)

    def charge_trial(self, lease_id: str, reason: str) -> None:
        """Count another strike when the lease was a worker's trial and it failed that too."""
        if reason in _NOT_THE_WORKERS:
            return
        row = self.connection.execute(
            select(t.quarantines).where(t.quarantines.c.trial_lease == lease_id)
        ).one_or_none()
        if row is not None:
            what = What(row.kind, row.blender)
            why = f"it failed the unit of {what} that it was tried with"
            self._strike(row.worker_id, what, why)

    def _strike(self, worker_id: str, what: What, why: str) -> None:
        here = _row_of(worker_id, what)
        earlier = self.connection.execute(select(t.quarantines.c.strikes).where(here)).scalar()
        strikes, now = (earlier or 0) + 1, database_now(self.connection)
        values = {
            "reason": why,
            "since_at": now,
            "until_at": now + self.limits.quarantine_for(strikes),
            "strikes": strikes,
            "trial_lease": "",
        }
        if earlier:
            self.connection.execute(update(t.quarantines).where(here).values(**values))
        elif _known(self.connection, worker_id):
            row = {"worker_id": worker_id, "kind": what.kind, "blender": what.blender, **values}
            self.connection.execute(insert(t.quarantines).values(**row))
        self.news.barred.add(worker_id)
        _show(self.connection, worker_id)


def _suspects(connection: Connection, finishes: Sequence[Finish]) -> set[tuple[str, What]]:
    """Workers, other than who finished them, that had failed some of these units."""
    by_stage: dict[int, dict[int, str]] = defaultdict(dict)
    for finish in finishes:
        by_stage[finish.stage_id][finish.unit] = finish.worker_id
    units = or_(
        *(
            and_(t.faults.c.stage_id == stage, t.faults.c.unit.in_(list(made)))
            for stage, made in by_stage.items()
        )
    )
    rows = connection.execute(
        select(
            t.faults.c.worker_id,
            t.faults.c.stage_id,
            t.faults.c.unit,
            t.stages.c.kind,
            t.stages.c.blender,
        )
        .join(t.stages, t.stages.c.id == t.faults.c.stage_id)
        .where(units, t.faults.c.reason.not_in(_NOT_THE_WORKERS), ~t.faults.c.charged)
    )
    return {
        (row.worker_id, What(row.kind, row.blender))
        for row in rows
        if by_stage[row.stage_id][row.unit] != row.worker_id
    }


def _charges(connection: Connection, worker_id: str, what: What) -> list[tuple[int, int]]:
    """Stage and unit of what a worker failed and others finished, since its last strike."""
    rows = connection.execute(
        select(t.faults.c.stage_id, t.faults.c.unit)
        .join(t.stages, t.stages.c.id == t.faults.c.stage_id)
        .join(
            t.results,
            (t.results.c.stage_id == t.faults.c.stage_id) & (t.results.c.unit == t.faults.c.unit),
        )
        .where(
            t.faults.c.worker_id == worker_id,
            t.results.c.worker_id != worker_id,
            t.faults.c.reason.not_in(_NOT_THE_WORKERS),
            ~t.faults.c.charged,
            t.stages.c.kind == what.kind,
            t.stages.c.blender == what.blender,
        )
        .distinct()
    )
    return [(row.stage_id, row.unit) for row in rows]


def _spend(connection: Connection, worker_id: str, charges: Iterable[tuple[int, int]]) -> None:
    """Let these charges count no more."""
    for stage_id, unit in charges:
        connection.execute(
            update(t.faults)
            .where(
                t.faults.c.stage_id == stage_id,
                t.faults.c.unit == unit,
                t.faults.c.worker_id == worker_id,
            )
            .values(charged=True)
        )


def _known(connection: Connection, worker_id: str) -> bool:
    return (
        connection.execute(select(t.workers.c.id).where(t.workers.c.id == worker_id)).first()
        is not None
    )


# --- trials -------------------------------------------------------------------------------------


def end_by_success(connection: Connection, lease_ids: Collection[str], news: News) -> None:
    """End the quarantines of workers whose trial succeeded."""
    for row in _AT_TRIAL.rows(connection):
        if row.trial_lease in lease_ids:
            connection.execute(
                delete(t.quarantines).where(t.quarantines.c.trial_lease == row.trial_lease)
            )
            news.barred.add(row.worker_id)
            _show(connection, row.worker_id)


_AT_TRIAL = Prepared(
    select(t.quarantines.c.worker_id, t.quarantines.c.trial_lease).where(
        t.quarantines.c.trial_lease != ""
    )
)


def begin_trial(
    connection: Connection, worker_id: str, what: tuple[str, str], lease_id: str
) -> bool:
    """Make a lease the one by which a worker shows itself.

    Returns:
        False when it is at another such lease already, or its quarantine is not over.
    """
    running = select(t.leases.c.id).where(
        t.leases.c.id == t.quarantines.c.trial_lease, t.leases.c.state == "active"
    )
    begun = connection.execute(
        update(t.quarantines)
        .where(
            _row_of(worker_id, What(*what)),
            t.quarantines.c.until_at <= database_now(connection),
            ~running.exists(),
        )
        .values(trial_lease=lease_id)
    )
    return begun.rowcount > 0


def lift(connection: Connection, worker_id: str) -> int:
    """End all quarantines of a worker: a person says so; returns how many there were.

    What it was charged with so far counts no more. Its state is the caller's to change.
    """
    connection.execute(
        update(t.faults)
        .where(t.faults.c.worker_id == worker_id, ~t.faults.c.charged)
        .values(charged=True)
    )
    its = t.quarantines.c.worker_id == worker_id
    return connection.execute(delete(t.quarantines).where(its)).rowcount


# --- looking ------------------------------------------------------------------------------------


def bars(connection: Connection) -> dict[str, Bars]:
    """What each quarantined worker may not have now."""
    now = database_now(connection)
    at_trial = select(t.leases.c.id).where(
        t.leases.c.id == t.quarantines.c.trial_lease, t.leases.c.state == "active"
    )
    rows = connection.execute(select(t.quarantines, at_trial.exists().label("at_trial"))).all()
    barred: dict[str, set[tuple[str, str]]] = defaultdict(set)
    probation: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in rows:
        over = row.until_at <= now and not row.at_trial
        (probation if over else barred)[row.worker_id].add((row.kind, row.blender))
    return {
        worker: Bars(frozenset(barred[worker]), frozenset(probation[worker]))
        for worker in {row.worker_id for row in rows}
    }


def _row_of(worker_id: str, what: What) -> Any:
    return (
        (t.quarantines.c.worker_id == worker_id)
        & (t.quarantines.c.kind == what.kind)
        & (t.quarantines.c.blender == what.blender)
    )


def _show(connection: Connection, worker_id: str) -> None:
    """Let a worker's state and its reason tell of its quarantines."""
    rows = connection.execute(
        select(t.quarantines.c.reason)
        .where(t.quarantines.c.worker_id == worker_id)
        .order_by(t.quarantines.c.since_at.desc())
    ).scalars()
    reasons = "; ".join(rows)
    worker = update(t.workers).where(t.workers.c.id == worker_id)
    if not reasons:
        back = worker.where(t.workers.c.state == WorkerState.QUARANTINED)
        # What it made came this moment: it is here, or will be found lost like any other.
        free = advance(WORKER, WorkerState.QUARANTINED, WorkerEvent.PARDON)
        here = advance(WORKER, free, WorkerEvent.CONNECT)
        now = database_now(connection)
        connection.execute(back.values(state=here, reason="", last_seen_at=now))
        return
    # One that drains stays so: what a person asked for must not be forgotten over it.
    sources = set(WORKER.sources(WorkerEvent.QUARANTINE)) - {WorkerState.DRAINING}
    may = t.workers.c.state.in_(sorted(sources))
    connection.execute(worker.where(may).values(state=WorkerState.QUARANTINED))
    connection.execute(
        worker.where(t.workers.c.state == WorkerState.QUARANTINED).values(reason=reasons[:2_000])
    )
