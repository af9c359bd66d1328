"""What is kept of each unit's log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from framefarm.core.errors import FrameFarmError
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.steering import job_state

_SHOWN = 200
_MOST_CHARACTERS = 4 << 20
"""Of a whole job's log: as UTF-8 that is a quarter of what the client takes, at most."""

_EARLIER = "... earlier attempts that went wrong are not shown; see: framefarm logs JOB FRAME"


class NoSuchUnitError(FrameFarmError):
    """A job has no such unit, or there is nothing of it yet."""

    code = "no_such_unit"


@dataclass(frozen=True)
class UnitFile:
    """A file of a unit."""

    name: str
    sha256: str


def file_of_frame(connection: Connection, job_id: int, unit: int, role: str) -> UnitFile:
    """The first file of a role that a unit of a job's first stage has.

    Raises:
        NoSuchJobError: There is no such job.
        NoSuchUnitError: There is none.
    """
    for row in _FILE.rows(connection, job=job_id, unit=unit, role=role):
        return UnitFile(row.name, row.sha256)
    job_state(connection, job_id)
    raise NoSuchUnitError(f"Frame {unit} of job {job_id} has no {role} (yet).")


_FILE = Prepared(
    select(t.files.c.name, t.files.c.sha256)
    .join(t.stages, t.stages.c.id == t.files.c.stage_id)
    .where(
        t.stages.c.job_id == bindparam("job"),
        t.stages.c.position == 0,
        t.files.c.unit == bindparam("unit"),
        t.files.c.role == bindparam("role"),
    )
    .order_by(t.files.c.position)
    .limit(1)
)


def fault_log(connection: Connection, job_id: int, unit: int) -> str:
    """The log of the last attempt of a unit that went wrong.

    Raises:
        NoSuchJobError: There is no such job.
        NoSuchUnitError: There is none.
    """
    row = connection.execute(
        select(t.faults)
        .join(t.stages, t.stages.c.id == t.faults.c.stage_id)
        .where(t.stages.c.job_id == job_id, t.stages.c.position == 0, t.faults.c.unit == unit)
        .order_by(t.faults.c.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        job_state(connection, job_id)
        raise NoSuchUnitError(f"Frame {unit} of job {job_id} has no log (yet).")
    return f"{row.reason}: {row.message}\n\n{row.log_tail}"


def job_log(connection: Connection, job_id: int) -> str:
    """A job's attempts that went wrong, each with the end of its log, the latest last.

    Of many only the latest are told, so that what comes can be kept in memory and read (L14).
    """
    latest = (
        select(t.faults, t.stages.c.kind, t.workers.c.name)
        .join(t.stages, t.stages.c.id == t.faults.c.stage_id)
        .join(t.workers, t.workers.c.id == t.faults.c.worker_id, isouter=True)
        .where(t.stages.c.job_id == job_id)
        .order_by(t.faults.c.id.desc())
        .limit(_SHOWN + 1)
    )
    told: list[str] = []
    left = _MOST_CHARACTERS
    with connection.execute(latest) as rows:
        for row in rows:
            text = _told(row)
            left -= len(text)
            if told and (left < 0 or len(told) == _SHOWN):
                told.append(_EARLIER)
                break
            told.append(text)
    return "\n\n".join(reversed(told))


_UNIT_WORDS = {"render": "frame", "movie": "segment", "join": "movie", "trial": "unit"}


def _told(row: Row[Any]) -> str:
    """One attempt: which unit, where, why, and what became of it; then the end of its log."""
    what = f"{_UNIT_WORDS.get(row.kind, row.kind)} {row.unit}"
    where = f"attempt {row.attempt} on {row.name or row.worker_id}"
    lot = _GIVEN_UP if row.final and not row.forgiven else ""
    first = f"{what}, {where}: {row.reason.replace('_', ' ')}: {row.message}{lot}"
    return f"{first}\n{row.log_tail}".rstrip("\n")


_GIVEN_UP = " [given up]"
