"""The stages of jobs as they are read to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from framefarm.db import Prepared
from framefarm.db import tables as t

_LARGE = {"settings", "units", "queue", "seal_key"}
"""What of a stage is not shown; it may be large."""

_STAGES = Prepared(
    select(*(column for column in t.stages.c if column.name not in _LARGE))
    .where(t.stages.c.job_id.in_(bindparam("jobs", expanding=True)))
    .order_by(t.stages.c.job_id, t.stages.c.position),
    listed="jobs",
)


def stages_of(connection: Connection, job_ids: Sequence[int]) -> dict[int, list[Any]]:
    """The stages of some jobs, those of each in their order."""
    found: dict[int, list[Any]] = {job_id: [] for job_id in job_ids}
    for row in _STAGES.rows(connection, job_ids):
        found[row.job_id].append(row)
    return found
