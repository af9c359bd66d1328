"""Units that are done or failed, and the files they made, as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from framefarm.db import tables as t
from framefarm.farm.views import iso


@dataclass(frozen=True)
class FileView:
    """A file of a result; its bytes are at `/api/blobs/{sha256}`."""

    name: str
    role: str
    sha256: str
    size_bytes: int
    unit: int


@dataclass(frozen=True)
class FileList:
    """A page of files. `next` is the cursor of the following page."""

    files: list[FileView]
    next: str | None


@dataclass(frozen=True)
class UnitView:
    """A unit that is done or failed."""

    unit: int
    state: str
    attempt: int
    seconds: float
    peak_memory_bytes: int
    worker: str
    device: str
    blender: str
    finished_at: str
    message: str = ""
    files: list[FileView] = field(default_factory=list)


@dataclass(frozen=True)
class UnitList:
    """A page of units. `next` is the cursor of the following page."""

    units: list[UnitView]
    next: int | None


def units_page(
    connection: Connection, job_id: int, *, kind: str, state: str, after: int | None, limit: int
) -> UnitList:
    """Done or failed units of one stage, ascending."""
    stage_id = connection.execute(
        select(t.stages.c.id).where(t.stages.c.job_id == job_id, t.stages.c.kind == kind)
    ).scalar_one_or_none()
    if stage_id is None:
        return UnitList([], None)
    read = _done_units if state == "done" else _failed_units
    units = read(connection, stage_id, -(1 << 31) if after is None else after, limit + 1)
    more = len(units) > limit
    return UnitList(units[:limit], units[limit - 1].unit if more else None)


def _done_units(connection: Connection, stage_id: int, after: int, limit: int) -> list[UnitView]:
    rows = connection.execute(
        select(t.results, t.workers.c.name)
        .join(t.workers, t.workers.c.id == t.results.c.worker_id, isouter=True)
        .where(t.results.c.stage_id == stage_id, t.results.c.unit > after)
        .order_by(t.results.c.unit)
        .limit(limit)
    ).all()
    files = _files_of(connection, stage_id, [row.unit for row in rows])
    return [
        UnitView(
            unit=row.unit,
            state="done",
            attempt=row.attempt,
            seconds=row.seconds,
            peak_memory_bytes=row.peak_memory_bytes,
            worker=row.name or row.worker_id,
            device=row.device,
            blender=row.blender,
            finished_at=iso(row.finished_at) or "",
            files=files.get(row.unit, []),
        )
        for row in rows
    ]


def _files_of(
    connection: Connection, stage_id: int, units: Iterable[int]
) -> dict[int, list[FileView]]:
    found: dict[int, list[FileView]] = {}
    for row in connection.execute(
        select(t.files)
        .where(t.files.c.stage_id == stage_id, t.files.c.unit.in_(list(units)))
        .order_by(t.files.c.unit, t.files.c.position)
    ):
        view = FileView(row.name, row.role, row.sha256, row.size_bytes, row.unit)
        found.setdefault(row.unit, []).append(view)
    return found


def _failed_units(connection: Connection, stage_id: int, after: int, limit: int) -> list[UnitView]:
    rows = connection.execute(
        select(t.faults, t.workers.c.name)
        .join(t.workers, t.workers.c.id == t.faults.c.worker_id, isouter=True)
        .where(
            t.faults.c.stage_id == stage_id,
            t.faults.c.unit > after,
            t.faults.c.final,
            ~t.faults.c.forgiven,
        )
        .order_by(t.faults.c.unit)
        .limit(limit)
    ).all()
    return [
        UnitView(
            unit=row.unit,
            state="failed",
            attempt=row.attempt,
            seconds=0.0,
            peak_memory_bytes=0,
            worker=row.name or row.worker_id,
            device="",
            blender="",
            finished_at=iso(row.at) or "",
            message=row.message,
        )
        for row in rows
    ]
