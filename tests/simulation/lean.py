"""The invariants of the stages that changed, cheap enough to be checked after every transaction.

`framefarm.farm.invariants` is the judge; this asks the same of a few rows with plain sets. The
simulation holds one against the other every so often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from framefarm.core.spans import Spans

from .database import Database

_LIVE = {"queued", "running", "paused"}


class _Stage(NamedTuple):
    id: int
    job: int
    job_state: str
    state: str
    units: str
    needs_position: int | None
    total: int
    pending: int
    leased: int
    done: int
    failed: int
    claimable: int
    wanted_blender: str
    blender: str
    at_limit: int
    on_trial: int
    held: int
    awaited: int


_STAGE = """
SELECT s.id, s.job_id, j.state, s.state, s.units, s.needs_position, s.total, s.pending, s.leased,
       s.done, s.failed, s.claimable, s.wanted_blender, s.blender, j.at_limit, s.on_trial,
       j.state = 'paused' AND j.message <> '' AND j.holds > 0 AND j.try_at IS NULL,
       EXISTS (SELECT 1 FROM sessions x
               WHERE x.job_id = j.id AND x.ended_at IS NULL AND x.waiting)
FROM stages s JOIN jobs j ON j.id = s.job_id WHERE s.id = ?"""


def check_stages(database: Database, stages: Iterable[int]) -> Iterator[str]:
    """What is wrong with these stages and their jobs; nothing when all is well."""
    jobs = set()
    for stage_id in sorted(stages):
        for row in database.ask(_STAGE, stage_id):
            stage = _Stage(*row)
            jobs.add((stage.job, stage.job_state))
            for fault in _check_stage(database, stage):
                yield f"job {stage.job}, stage {stage.id}: {fault}"
    for job, state in sorted(jobs):
        yield from _check_job(database, job, state)


def _check_stage(database: Database, stage: _Stage) -> Iterator[str]:
    pending, leased = _pending(database, stage.id), _leased(database, stage.id)
    done, failed = _done(database, stage.id), _failed(database, stage.id)
    places = Counter([*pending, *leased, *done, *failed])
    for unit, count in places.items():
        if count > 1:
            yield f"unit {unit} is in {count} places"
    units = set(Spans.restore(stage.units))
    if foreign := places.keys() - units:
        yield f"units {sorted(foreign)} are not its own"
    all_somewhere = stage.job_state != "cancelled" and stage.needs_position is None
    if all_somewhere and (missing := units - places.keys()):
        yield f"units {sorted(missing)} are nowhere"
    counted = {
        "pending": (stage.pending, len(pending)),
        "leased": (stage.leased, len(leased)),
        "done": (stage.done, len(done)),
        "failed": (stage.failed, len(failed)),
    }
    for name, (said, count) in counted.items():
        if said != count:
            yield f"{name} is {said}, counted {count}"
    settled = not stage.wanted_blender or bool(stage.blender)
    leasing = stage.job_state in {"queued", "running"} or stage.on_trial
    may = leasing and not stage.at_limit and not stage.awaited
    claimable = may and settled and stage.pending > 0
    if bool(stage.claimable) != claimable:
        yield f"claimable is {stage.claimable}, should be {claimable}"
    if stage.on_trial and not stage.held:
        yield f"it is on trial, but its job is {stage.job_state}, and not held"
    if (stage.state == "done") != (stage.done == stage.total):
        yield f"state is {stage.state} with {stage.done} of {stage.total} done"


def _check_job(database: Database, job: int, state: str) -> Iterator[str]:
    [(at_work, left)] = database.ask(
        "SELECT sum(pending + leased), sum(state <> 'done') FROM stages WHERE job_id = ?", job
    )
    if (state in _LIVE) != (at_work > 0):
        yield f"job {job} is {state} with {at_work} units pending or leased"
    if (state == "done") != (left == 0):
        yield f"job {job} is {state} with {left} stages not done"


def _pending(database: Database, stage: int) -> list[int]:
    rows = database.ask("SELECT first, last, step FROM spans WHERE stage_id = ?", stage)
    return [unit for first, last, step in rows for unit in range(first, last + 1, step)]


def _leased(database: Database, stage: int) -> list[int]:
    """Units in leases; a tail lease holds what another lease holds as well (L11)."""
    rows = database.ask(
        "SELECT units, tail FROM leases WHERE stage_id = ? AND state = 'active'", stage
    )
    units = [unit for text, tail in rows if not tail for unit in Spans.restore(text)]
    tails = {unit for text, tail in rows if tail for unit in Spans.restore(text)}
    return units + sorted(tails - set(units))


def _done(database: Database, stage: int) -> list[int]:
    rows: list[Any] = database.ask("SELECT unit FROM results WHERE stage_id = ?", stage)
    return [unit for (unit,) in rows]


def _failed(database: Database, stage: int) -> list[int]:
    rows: list[Any] = database.ask(
        "SELECT unit FROM faults WHERE stage_id = ? AND final AND NOT forgiven", stage
    )
    return [unit for (unit,) in rows]
