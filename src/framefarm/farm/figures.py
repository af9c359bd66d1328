"""The highest figures of a stage: which of its results took longest, and most memory.

They are counted up with each result. When results with the highest are made anew, what is left has
to be looked through. That is read beside the one writer; what it says is then only ever counted up,
as if the results had come just now, so that it does not matter what came meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from framefarm.db import tables as t

_COLUMNS = (
    t.results.c.unit,
    t.results.c.lease_id,
    t.results.c.seconds,
    t.results.c.peak_memory_bytes,
)


@dataclass(frozen=True)
class Figures:
    """The results of a stage with the highest figures, as they were read.

    Attributes:
        results: Up to two: the slowest, and the one with the highest peak.
    """

    stage_id: int
    results: tuple[Any, ...]


def read_figures(connection: Connection, stage_id: int) -> Figures:
    """Look through all results of a stage."""
    slowest = (t.results.c.seconds.desc(), t.results.c.unit)
    rows = [
        connection.execute(
            select(*_COLUMNS).where(t.results.c.stage_id == stage_id).order_by(*order).limit(1)
        ).one_or_none()
        for order in (slowest, (t.results.c.peak_memory_bytes.desc(), t.results.c.unit))
    ]
    return Figures(stage_id, tuple(row for row in rows if row is not None))


def count_up(connection: Connection, figures: Figures) -> bool:
    """Count the highest figures into a stage's.

    Returns:
        False when one of the results has gone meanwhile: then they have to be read again.
    """
    if not all(_is_there(connection, figures.stage_id, row) for row in figures.results):
        return False
    for row in figures.results:
        _raise(
            connection,
            (t.stages.c.id == figures.stage_id) & (t.stages.c.slowest_s < row.seconds),
            slowest_s=row.seconds,
            slowest_unit=row.unit,
        )
        _raise(
            connection,
            (t.stages.c.id == figures.stage_id)
            & (t.stages.c.peak_memory_bytes < row.peak_memory_bytes),
            peak_memory_bytes=row.peak_memory_bytes,
        )
    return True


def _is_there(connection: Connection, stage_id: int, row: Any) -> bool:
    same = select(t.results.c.unit).where(
        t.results.c.stage_id == stage_id,
        t.results.c.unit == row.unit,
        t.results.c.lease_id == row.lease_id,
    )
    return connection.execute(same).first() is not None


def _raise(connection: Connection, where: ColumnElement[bool], **values: Any) -> None:
    connection.execute(update(t.stages).where(where).values(**values))
