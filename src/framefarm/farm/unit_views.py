"""Units that are done or failed, and the files they made, as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, select

from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.outputs import Place, output_files
from framefarm.farm.steering import job_state
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


def files_page(connection: Connection, job_id: int, *, after: Place, limit: int) -> FileList:
    """A job's outputs, those after a place.

    Raises:
        NoSuchJobError: There is no such job.
    """
    found = output_files(connection, job_id, after=after, limit=limit)
    if not found:
        job_state(connection, job_id)
    files = [
        FileView(file.name, file.role, file.sha256, file.size_bytes, file.unit) for _, file in found
    ]
    last = ".".join(map(str, found[-1][0])) if len(found) == limit else None
    return FileList(files, last)


def units_page(
    connection: Connection, job_id: int, *, kind: str, state: str, after: int | None, limit: int
) -> UnitList:
    """Done or failed units of one stage, ascending.

    Raises:
        NoSuchJobError: There is no such job.
    """
    stages = _STAGE.rows(connection, job=job_id, kind=kind)
    if not stages:
        job_state(connection, job_id)
        return UnitList([], None)
    read = _done_units if state == "done" else _failed_units
    units = read(connection, stages[0].id, -(1 << 31) if after is None else after, limit + 1)
    more = len(units) > limit
    return UnitList(units[:limit], units[limit - 1].unit if more else None)


def _done_units(connection: Connection, stage_id: int, after: int, limit: int) -> list[UnitView]:
    rows = _DONE.rows(connection, stage=stage_id, unit=after, most=limit)
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
    connection: Connection, stage_id: int, units: Sequence[int]
) -> dict[int, list[FileView]]:
    found: dict[int, list[FileView]] = {}
    for row in _FILES.rows(connection, units, stage=stage_id):
        view = FileView(row.name, row.role, row.sha256, row.size_bytes, row.unit)
        found.setdefault(row.unit, []).append(view)
    return found


def _failed_units(connection: Connection, stage_id: int, after: int, limit: int) -> list[UnitView]:
    rows = _FAILED.rows(connection, stage=stage_id, unit=after, most=limit)
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


_STAGE = Prepared(
    select(t.stages.c.id).where(
        t.stages.c.job_id == bindparam("job"), t.stages.c.kind == bindparam("kind")
    )
)
_DONE = Prepared(
    select(t.results, t.workers.c.name)
    .join(t.workers, t.workers.c.id == t.results.c.worker_id, isouter=True)
    .where(t.results.c.stage_id == bindparam("stage"), t.results.c.unit > bindparam("unit"))
    .order_by(t.results.c.unit)
    .limit(bindparam("most"))
)
_FILES = Prepared(
    select(t.files)
    .where(
        t.files.c.stage_id == bindparam("stage"),
        t.files.c.unit.in_(bindparam("units", expanding=True)),
    )
    .order_by(t.files.c.unit, t.files.c.position),
    listed="units",
)
_FAILED = Prepared(
    select(t.faults, t.workers.c.name)
    .join(t.workers, t.workers.c.id == t.faults.c.worker_id, isouter=True)
    .where(
        t.faults.c.stage_id == bindparam("stage"),
        t.faults.c.unit > bindparam("unit"),
        t.faults.c.final,
        ~t.faults.c.forgiven,
    )
    .order_by(t.faults.c.unit)
    .limit(bindparam("most"))
)
