"""The files that a lease's units need, of the manager's own and of earlier stages."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, select

from framefarm.core.spans import Spans
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog, StageFacts
from framefarm.protocol.messages import InputFile

_INPUT_ROLES = ("image", "segment")
_FILES = Prepared(
    select(t.files.c.unit, t.files.c.name, t.files.c.sha256, t.files.c.size_bytes)
    .where(
        t.files.c.stage_id == bindparam("stage"),
        t.files.c.unit.between(bindparam("first"), bindparam("last")),
        t.files.c.role.in_(_INPUT_ROLES),
    )
    .order_by(t.files.c.unit, t.files.c.position)
)


def files_of(stage: StageFacts, inputs: Iterable[InputFile]) -> list[str]:
    """SHA-256 of all files that units of a stage with these inputs need."""
    own = [stage.blend_sha256] if stage.blend_sha256 else []
    return own + [file.sha256 for file in inputs]


def inputs_of_units(
    connection: Connection, catalog: Catalog, stage: StageFacts, units: Spans
) -> tuple[InputFile, ...]:
    """The main file of every earlier unit that some units need, in order."""
    if stage.position == 0:
        return ()
    job = catalog.job(connection, stage.job_id)
    found: list[InputFile] = []
    for unit in units:
        needed = job.inputs_of(stage, unit)
        if needed is None:
            continue
        earlier, span = needed
        rows = _FILES.rows(connection, stage=earlier.id, first=span.first, last=span.last)
        # A stereo frame has several images; the first is the one a movie shows.
        first_of_each = {row.unit: row for row in reversed(rows) if row.unit in span}
        found += [
            InputFile(unit, row.name, row.sha256, row.size_bytes)
            for _, row in sorted(first_of_each.items())
        ]
    return tuple(found)
