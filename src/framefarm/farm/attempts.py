"""The numbers of attempts: they only rise (L4)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, func, select, update

from framefarm.db import Prepared
from framefarm.db import tables as t

_HIGHEST = [
    select(func.max(number)).where(its_stage == bindparam("stage"))
    for its_stage, number in (
        (t.stages.c.id, t.stages.c.highest_attempt),
        (t.leases.c.stage_id, t.leases.c.next_attempt - 1),
        (t.spans.c.stage_id, t.spans.c.attempt - 1),
        (t.stages.c.id, t.stages.c.first_attempt - 1),
    )
]
_NOTE = Prepared(
    update(t.stages)
    .where(t.stages.c.id == bindparam("stage"), t.stages.c.highest_attempt < bindparam("attempt"))
    .values(highest_attempt=bindparam("attempt"))
)


def next_attempt(connection: Connection, stage_id: int) -> int:
    """One more than any attempt there was of a stage's units, or was to be."""
    found = [connection.execute(one, {"stage": stage_id}).scalar_one() for one in _HIGHEST]
    return max((number or 0) for number in found) + 1


def note_attempts(connection: Connection, highest: Mapping[int, int]) -> None:
    """Remember the highest attempts, by stage, of which there will be no lease any more."""
    for stage_id, attempt in highest.items():
        _NOTE.run(connection, stage=stage_id, attempt=attempt)
