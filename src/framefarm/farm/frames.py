"""Frames of a job, each with all that is known of it: how it is, who made it, what it took.

Frames that wait have no rows of their own, so a page of them is made of the job's spans, and what
is known of those few is looked up. A page costs as much as there are frames on it, however many the
job has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, true

from framefarm.core.spans import Spans
from framefarm.core.states import JobState, UnitState
from framefarm.db import tables as t
from framefarm.farm.logs import NoSuchUnitError
from framefarm.farm.outputs import folder_of
from framefarm.farm.settings import ManagerSettings
from framefarm.farm.steering import find_job
from framefarm.farm.taking_back import among
from framefarm.farm.views import iso
from framefarm.farm.worker_names import find_worker

_LOOKED_AT = 20_000
"""Frames of a cancelled job that one request looks at."""


@dataclass(frozen=True)
class FrameView:
    """A frame, or a unit of a trial.

    Attributes:
        at: When it was done, failed or given out.
        path: Where the manager has put its image, or will.
        image, thumbnail, log: Where to ask for them; None where there is none.
        message: Why it failed.
    """

    frame: int
    state: str
    job: int
    project: str
    sequence: str
    shot: str
    shot_id: int | None
    attempt: int | None = None
    at: str | None = None
    seconds: float | None = None
    worker: str | None = None
    device: str | None = None
    blender: str | None = None
    peak_memory_bytes: int | None = None
    path: str | None = None
    image: str | None = None
    thumbnail: str | None = None
    log: str | None = None
    message: str = ""


@dataclass(frozen=True)
class FrameList:
    """A page of frames. `next` is the cursor of the following page."""

    frames: list[FrameView]
    next: int | None


@dataclass(frozen=True)
class FrameFilter:
    """Which frames are meant: those that match everything given.

    Attributes:
        worker: Name or id of who has made it, failed it for good or is at it.
        frames: Only these.
    """

    state: UnitState | None = None
    worker: str | None = None
    frames: Spans | None = None


def frame_page(
    connection: Connection,
    settings: ManagerSettings,
    job_id: int,
    wanted: FrameFilter,
    *,
    after: int | None,
    limit: int,
) -> FrameList:
    """Frames of a job's first stage that match, ascending.

    Args:
        after: The last one of the page before.

    Raises:
        NoSuchJobError: There is no such job.
        NoSuchWorkerError: There is no such worker.
    """
    book = _Book(connection, settings, job_id)
    found, looked_upto = _chosen(book, wanted, _left(book.units, wanted.frames, after), limit + 1)
    views = book.views(found[:limit])
    return FrameList(views, found[limit - 1] if len(found) > limit else looked_upto)


def frame_of(
    connection: Connection, settings: ManagerSettings, job_id: int, frame: int
) -> FrameView:
    """One frame.

    Raises:
        NoSuchJobError: There is no such job.
        NoSuchUnitError: It has no such frame.
    """
    book = _Book(connection, settings, job_id)
    if frame not in book.units:
        raise NoSuchUnitError(f"Job {job_id} has no frame {frame}; it has {book.units}.")
    [view] = book.views([frame])
    return view


# --- which ---------------------------------------------------------------------------------------


def _left(units: Spans, frames: Spans | None, after: int | None) -> Spans:
    """What is still to be looked at of a stage's units."""
    if frames is not None:
        units = units.intersection(frames)
    if after is None or not units:
        return units
    last = units.last
    return units.intersection(Spans.of(after + 1, last)) if after < last else Spans()


def _chosen(
    book: _Book, wanted: FrameFilter, units: Spans, count: int
) -> tuple[list[int], int | None]:
    """The first frames that match; and how far was looked, where that was not to the end."""
    if not units:
        return [], None
    if wanted.worker is not None:
        worker_id = find_worker(book.connection, wanted.worker).id
        return sorted(_touched_by(book, wanted.state, units, worker_id, count))[:count], None
    match wanted.state:
        case None:
            return list(units.slice(0, count)), None
        case UnitState.CANCELLED:
            return _cancelled(book, units, count)
        case UnitState.PENDING:
            return list(book.pending.intersection(units).slice(0, count)), None
        case state:
            return sorted(_in_state(book, state, units, true(), count))[:count], None


def _touched_by(
    book: _Book, state: UnitState | None, units: Spans, worker_id: str, count: int
) -> Iterator[int]:
    for one in (UnitState.DONE, UnitState.FAILED, UnitState.LEASED):
        if state in {None, one}:
            its = _TABLES[one].c.worker_id == worker_id
            yield from _in_state(book, one, units, its, count)


_TABLES = {UnitState.DONE: t.results, UnitState.FAILED: t.faults, UnitState.LEASED: t.leases}


def _in_state(
    book: _Book, state: UnitState, units: Spans, which: ColumnElement[bool], count: int
) -> Iterator[int]:
    """The first units in a state, by the table that says so."""
    if state is UnitState.LEASED:
        rows = book.connection.execute(book.leases.where(which)).all()
        yield from (unit for row in rows for unit in Spans.restore(row.units) if unit in units)
        return
    table = _TABLES[state]
    here = (table.c.stage_id == book.stage.id) & which
    if state is UnitState.FAILED:
        here &= t.faults.c.final & ~t.faults.c.forgiven
    ordered = select(table.c.unit).where(here).order_by(table.c.unit).limit(count)
    for these in among(table.c.unit, units):
        found = book.connection.execute(ordered.where(these)).scalars().all()
        yield from found
        count -= len(found)
        if count <= 0:
            return


def _cancelled(book: _Book, units: Spans, count: int) -> tuple[list[int], int | None]:
    """Units of a cancelled job that were not done, nor failed, before."""
    if book.job.state != JobState.CANCELLED:
        return [], None
    found: list[int] = []
    rest = iter(units)
    for _ in range(_LOOKED_AT // _AT_A_TIME):
        some = list(islice(rest, _AT_A_TIME))
        found += [one.frame for one in book.views(some) if one.state == UnitState.CANCELLED]
        if len(found) >= count or len(some) < _AT_A_TIME:
            return found[:count], None
    return found, some[-1]


_AT_A_TIME = 1_000


# --- what is known of them ----------------------------------------------------------------------


class _Book:
    """A job's first stage, and what is known of its units.

    Args:
        connection: For reading.
        settings: Where outputs are.
        job_id: Which job.

    Raises:
        NoSuchJobError: There is no such job.
    """

    def __init__(self, connection: Connection, settings: ManagerSettings, job_id: int) -> None:
        self.connection = connection
        self.job = find_job(connection, job_id)
        self.stage = connection.execute(
            select(t.stages).where(t.stages.c.job_id == job_id, t.stages.c.position == 0)
        ).one()
        self.units = Spans.restore(self.stage.units)
        self._folder = folder_of(settings, self.job)

    @property
    def pending(self) -> Spans:
        """Those that wait for a slot."""
        rows = self.connection.execute(
            select(t.spans.c.first, t.spans.c.last, t.spans.c.step).where(
                t.spans.c.stage_id == self.stage.id
            )
        ).all()
        return Spans(span for row in rows for span in Spans.of(*row).spans)

    @property
    def leases(self) -> Select[Any]:
        """Those in force, each with the name of its worker."""
        of = (t.leases.c.stage_id == self.stage.id) & (t.leases.c.state == "active")
        return _named(t.leases).where(of)

    def views(self, units: Sequence[int]) -> list[FrameView]:
        """All that is known of some units, a bounded number."""
        if not units:
            return []
        known = {**self._leased(units), **self._failed(units), **self._done(units)}
        return [self._view(unit, known.get(unit, {})) for unit in units]

    def _view(self, unit: int, known: dict[str, Any]) -> FrameView:
        waits = UnitState.CANCELLED if self.job.state == JobState.CANCELLED else UnitState.PENDING
        job = self.job
        return FrameView(
            frame=unit,
            **{"state": waits, **known},
            job=job.id,
            project=job.project,
            sequence=job.sequence,
            shot=job.shot,
            shot_id=job.shot_id,
        )

    def _leased(self, units: Sequence[int]) -> dict[int, dict[str, Any]]:
        wanted, found = set(units), {}
        for row in self.connection.execute(self.leases).all():
            facts = {
                "state": UnitState.LEASED,
                "attempt": row.attempt,
                "at": iso(row.leased_at),
                "worker": row.worker_name or row.worker_id,
            }
            found.update({unit: facts for unit in Spans.restore(row.units) if unit in wanted})
        return found

    def _failed(self, units: Sequence[int]) -> dict[int, dict[str, Any]]:
        of = (t.faults.c.stage_id == self.stage.id) & t.faults.c.unit.in_(units)
        counting = of & t.faults.c.final & ~t.faults.c.forgiven
        return {
            row.unit: {
                "state": UnitState.FAILED,
                "attempt": row.attempt,
                "at": iso(row.at),
                "worker": row.worker_name or row.worker_id,
                "message": row.message,
                "log": self._link(row.unit, "log"),
            }
            for row in self.connection.execute(_named(t.faults).where(counting)).all()
        }

    def _done(self, units: Sequence[int]) -> dict[int, dict[str, Any]]:
        of = (t.results.c.stage_id == self.stage.id) & t.results.c.unit.in_(units)
        files = self._files(units)
        return {
            row.unit: {
                "state": UnitState.DONE,
                "attempt": row.attempt,
                "at": iso(row.finished_at),
                "seconds": row.seconds,
                "worker": row.worker_name or row.worker_id,
                "device": row.device,
                "blender": row.blender,
                "peak_memory_bytes": row.peak_memory_bytes,
                **files.get(row.unit, {}),
            }
            for row in self.connection.execute(_named(t.results).where(of)).all()
        }

    def _files(self, units: Sequence[int]) -> dict[int, dict[str, str]]:
        """Where a unit's image is, and where its files can be asked for."""
        found: dict[int, dict[str, str]] = {}
        rows = self.connection.execute(
            select(t.files.c.unit, t.files.c.role, t.files.c.name)
            .where(t.files.c.stage_id == self.stage.id, t.files.c.unit.in_(units))
            .where(t.files.c.role.in_(("image", "thumbnail", "log")))
            .order_by(t.files.c.unit, t.files.c.position.desc())
        )
        for row in rows:
            its = found.setdefault(row.unit, {})
            its[row.role] = self._link(row.unit, row.role)
            if row.role == "image":
                its["path"] = str(self._folder / Path(row.name))
        return found

    def _link(self, unit: int, what: str) -> str:
        return f"/api/jobs/{self.job.id}/frames/{unit}/{what}"


def _named(table: Any) -> Select[Any]:
    """Rows of a table with the name of each one's worker."""
    workers = t.workers.c
    return select(table, workers.name.label("worker_name")).join(
        t.workers, workers.id == table.c.worker_id, isouter=True
    )
