"""Taking results: a success counts once, from whichever attempt comes first (L2, L4, L5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection, bindparam, case, delete, insert, literal_column, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.spans import Spans
from framefarm.db import Many, Prepared, database_now
from framefarm.db import tables as t
from framefarm.farm.catalog import MAIN_ROLES, Catalog, StageFacts
from framefarm.farm.holding import let_go
from framefarm.farm.late_finishes import Finish, reclaim, take_from_leases
from framefarm.farm.news import News, UnitNews
from framefarm.farm.settling import COUNTERS, end_stages, unlock_dependents
from framefarm.farm.usage import count_results


class LeaseChangedError(FrameFarmError):
    """A lease changed between being read and being written; the write is tried again."""

    retryable = True
    code = "lease_changed"


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """The answer to a `Finish`, and what it changed."""

    answer: str
    news: News | None = None


class OpenLease(msgspec.Struct, gc=False):
    """A lease while finishes are taken off it. `left` is its units' text.

    Attributes:
        shared: Whether another lease may hold a unit of it (L11).
    """

    id: str
    stage_id: int
    worker_id: str
    attempt: int
    state: str
    stored: str
    left: str
    shared: bool = False

    def take(self, unit: int) -> bool:
        """Take a unit off; False when it is not in the lease."""
        if self.left == str(unit):  # most leases end here, and need no parsing
            self.left = ""
            return True
        units = Spans.restore(self.left)
        if unit not in units:
            return False
        self.left = str(units.difference(Spans.of(unit, unit)))
        return True


@dataclass
class Intake:
    """One group of finishes on its way into the database.

    Attributes:
        taken: Successes to be stored.
        shared: Those of them whose unit another lease may hold as well (L11).
    """

    connection: Connection
    catalog: Catalog
    now: float
    news: News = field(default_factory=News)
    taken: list[tuple[StageFacts, Finish, str]] = field(default_factory=list)
    shared: list[Finish] = field(default_factory=list)

    def take(self, stage: StageFacts, finish: Finish, answer: str) -> None:
        """Count a success."""
        self.taken.append((stage, finish, answer))

    def has(self, stage_id: int, unit: int) -> bool:
        """Whether another lease's success for a unit came with this group (L11)."""
        return any(one.stage_id == stage_id and one.unit == unit for one in self.shared)


def finish_many(
    connection: Connection, catalog: Catalog, finishes: Sequence[Finish]
) -> list[Settlement]:
    """Settle finishes.

    Returns:
        For each: `accepted` (also when the same finish is repeated), `accepted_late` (its lease
        had ended, but the unit had no result), `already_done`, or `gone`. The first settlement
        carries the news of them all.

    Raises:
        LeaseChangedError: Another writer was faster; nothing may be kept of the transaction.
    """
    intake = Intake(connection, catalog, database_now(connection))
    leases = _open_leases(connection, {finish.lease_id for finish in finishes})
    answers = [_take_current(intake, leases, finish) for finish in finishes]
    _store_leases(connection, leases.values())
    for finish in intake.shared:
        take_from_leases(connection, finish.stage_id, finish.unit, intake.news)
    _store_results(intake)
    settled = [
        answer or _take_late(intake, finish)
        for answer, finish in zip(answers, finishes, strict=True)
    ]
    return [
        Settlement(answer, intake.news if index == 0 else None)
        for index, answer in enumerate(settled)
    ]


def _take_late(intake: Intake, finish: Finish) -> str:
    """Settle a finish that is repeated, or whose lease is not the current one any more."""
    stage = intake.catalog.stage(intake.connection, finish.stage_id)
    if stage is None:  # deleted, though its results may not be cleared away yet
        return "gone"
    known = intake.connection.execute(
        select(t.results.c.lease_id, t.results.c.answer).where(
            t.results.c.stage_id == finish.stage_id, t.results.c.unit == finish.unit
        )
    ).one_or_none()
    if known is not None:
        return str(known.answer) if known.lease_id == finish.lease_id else "already_done"
    if _lacks_file(stage, finish) or not reclaim(intake.connection, stage, finish, intake.news):
        return "gone"
    intake.take(stage, finish, "accepted_late")
    _store_results(intake)
    return "accepted_late"


_LEASES = Prepared(
    select(
        t.leases.c.id,
        t.leases.c.stage_id,
        t.leases.c.worker_id,
        t.leases.c.attempt,
        t.leases.c.state,
        t.leases.c.units,
        t.leases.c.tail | (t.leases.c.next_attempt > t.leases.c.attempt + 1),
    ).where(t.leases.c.id.in_(bindparam("ids", expanding=True))),
    listed="ids",
)


def _open_leases(connection: Connection, ids: set[str]) -> dict[str, OpenLease]:
    return {
        id_: OpenLease(id_, stage_id, worker_id, attempt, state, units, units, bool(shared))
        for id_, stage_id, worker_id, attempt, state, units, shared in _LEASES.rows(
            connection, sorted(ids)
        )
    }


def _take_current(intake: Intake, leases: dict[str, OpenLease], finish: Finish) -> str | None:
    """Accept a finish from the current attempt; None when it is not that simple."""
    lease = leases.get(finish.lease_id)
    current = (
        lease is not None
        and lease.state == "active"
        and lease.worker_id == finish.worker_id
        and lease.stage_id == finish.stage_id
        and lease.attempt == finish.attempt
    )
    if lease is None or not current:
        return None
    stage = intake.catalog.stage(intake.connection, lease.stage_id)
    if stage is None or _lacks_file(stage, finish):
        return None
    if lease.shared and intake.has(finish.stage_id, finish.unit):
        return None
    if not lease.take(finish.unit):
        return None
    intake.take(stage, finish, "accepted")
    if lease.shared:
        intake.shared.append(finish)
    return "accepted"


def _lacks_file(stage: StageFacts, finish: Finish) -> bool:
    """Whether a result has not the file its stage exists for, so that it cannot count (L5)."""
    role = MAIN_ROLES.get(stage.kind)
    return role is not None and not any(file.role == role for file in finish.files)


_AS_IT_WAS = (
    (t.leases.c.id == bindparam("lease"))
    & (t.leases.c.units == bindparam("expected"))
    & (t.leases.c.state == literal_column("'active'"))
)
_DELETE_LEASE = Many(delete(t.leases).where(_AS_IT_WAS), "lease", "expected")
_SHRINK_LEASE = Many(
    update(t.leases).where(_AS_IT_WAS).values(units=bindparam("left")), "left", "lease", "expected"
)


def _store_leases(connection: Connection, leases: Iterable[OpenLease]) -> None:
    changed = [lease for lease in leases if lease.left != lease.stored]
    emptied = [(lease.id, lease.stored) for lease in changed if not lease.left]
    shrunk = [(lease.left, lease.id, lease.stored) for lease in changed if lease.left]
    found = _DELETE_LEASE.run(connection, emptied) + _SHRINK_LEASE.run(connection, shrunk)
    if found != len(changed):
        raise LeaseChangedError("A lease changed while its results were being stored.")


_INSERT_RESULT = Many(insert(t.results), *t.results.c.keys())
_INSERT_FILE = Many(insert(t.files), *t.files.c.keys())
_COUNT_DONE = Prepared(
    update(t.stages)
    .where(t.stages.c.id == bindparam("stage"))
    .values(
        done=t.stages.c.done + bindparam("n"),
        leased=t.stages.c.leased - bindparam("n"),
        seconds=t.stages.c.seconds + bindparam("spent"),
        slowest_unit=case(
            (t.stages.c.slowest_s < bindparam("slowest"), bindparam("slowest_one")),
            else_=t.stages.c.slowest_unit,
        ),
        slowest_s=case(
            (t.stages.c.slowest_s < bindparam("slowest"), bindparam("slowest")),
            else_=t.stages.c.slowest_s,
        ),
        peak_memory_bytes=case(
            (t.stages.c.peak_memory_bytes < bindparam("peak"), bindparam("peak")),
            else_=t.stages.c.peak_memory_bytes,
        ),
        highest_attempt=case(
            (t.stages.c.highest_attempt < bindparam("attempt"), bindparam("attempt")),
            else_=t.stages.c.highest_attempt,
        ),
        result_bytes=t.stages.c.result_bytes + bindparam("size"),
    )
    .returning(*COUNTERS)
)


def _store_results(intake: Intake) -> None:
    """Write the results taken so far, with all that follows, and begin anew."""
    taken, intake.taken = intake.taken, []
    if not taken:
        return
    connection = intake.connection
    _INSERT_RESULT.run(connection, [_result_row(f, a, intake.now) for _, f, a in taken])
    files = [row for _, finish, _ in taken if finish.files for row in _file_rows(finish)]
    _INSERT_FILE.run(connection, files)
    by_stage: dict[int, list[Finish]] = {}
    by_owner: Counter[str] = Counter()
    for stage, finish, _ in taken:
        by_stage.setdefault(stage.id, []).append(finish)
        by_owner[stage.asked.owner] += _size_bytes(finish)
        intake.news.units.append(_unit_news(stage, finish))
    stages = [
        row
        for stage_id, finishes in by_stage.items()
        for row in _COUNT_DONE.rows(connection, **_counts(stage_id, finishes))
    ]
    count_results(connection, by_owner)
    if first := [row.job_id for row in stages if row.done == len(by_stage[row.id])]:
        let_go(connection, first, intake.news)
    unlock_dependents(
        connection, intake.catalog, [(stage, f.unit) for stage, f, _ in taken], intake.news
    )
    end_stages(connection, stages, now=intake.now, news=intake.news)


def _counts(stage_id: int, finishes: list[Finish]) -> dict[str, object]:
    slowest = max(finishes, key=lambda finish: finish.facts.seconds)
    return {
        "stage": stage_id,
        "n": len(finishes),
        "spent": sum(finish.facts.seconds for finish in finishes),
        "slowest": slowest.facts.seconds,
        "slowest_one": slowest.unit,
        "peak": max(finish.facts.peak_memory_bytes for finish in finishes),
        "attempt": max(finish.attempt for finish in finishes),
        "size": sum(map(_size_bytes, finishes)),
    }


def _size_bytes(finish: Finish) -> int:
    return sum(file.size_bytes for file in finish.files)


def _result_row(finish: Finish, answer: str, now: float) -> tuple[object, ...]:
    """The columns of `results`, in their order."""
    facts = finish.facts
    more = (
        msgspec.json.encode({"phases": facts.phases, "extra": facts.extra}).decode()
        if facts.phases or facts.extra
        else ""
    )
    return (
        finish.stage_id,
        finish.unit,
        finish.lease_id,
        finish.attempt,
        finish.worker_id,
        answer,
        now,
        facts.seconds,
        facts.peak_memory_bytes,
        facts.device[:100],
        facts.blender[:20],
        more,
    )


def _file_rows(finish: Finish) -> list[tuple[object, ...]]:
    """The columns of `files`, in their order."""
    return [
        (
            finish.stage_id,
            finish.unit,
            position,
            file.name,
            file.role,
            file.sha256,
            file.size_bytes,
        )
        for position, file in enumerate(finish.files)
    ]


def _unit_news(stage: StageFacts, finish: Finish) -> UnitNews:
    return UnitNews(
        job_id=stage.job_id,
        stage_id=stage.id,
        kind=stage.kind,
        unit=finish.unit,
        state="done",
        worker_id=finish.worker_id,
        seconds=finish.facts.seconds,
        peak_memory_bytes=finish.facts.peak_memory_bytes,
    )
