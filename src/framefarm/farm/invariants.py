"""What must hold of the database at any moment, whatever has gone wrong (design, section 5).

One function that tests call after every fault they make, and that costs as much as there are spans
and results, never as much as there are units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, func, or_, select

from framefarm.core.spans import Span, Spans
from framefarm.db import tables as t
from framefarm.farm.stage_invariants import StageUnits, job_faults
from framefarm.farm.usage import usage_faults
from framefarm.storage import BlobFolder, BlobMismatchError

_DELETED = select(t.leftovers.c.stage_id)


def check_invariants(
    connection: Connection, blobs: BlobFolder | None = None, *, hashes: bool = False
) -> list[str]:
    """Find what is wrong with the database.

    Args:
        connection: Reads in one transaction, so that it sees one moment.
        blobs: Where the results' files are; None leaves them unchecked.
        hashes: Read each blob and compare its hash, not only its size.

    Returns:
        One sentence for each invariant that does not hold; none when all is well.
    """
    found = list(_stray_rows(connection))
    if found:
        return found
    stages = _load(connection)
    sessions = connection.execute(select(t.sessions).where(t.sessions.c.ended_at.is_(None)))
    session_of = {session.job_id: session for session in sessions}
    for job in connection.execute(select(t.jobs).order_by(t.jobs.c.id)):
        of_job = sorted(
            (stage for stage in stages.values() if stage.row.job_id == job.id),
            key=lambda stage: stage.row.position,
        )
        found += job_faults(job, of_job, session_of.get(job.id))
    found += _session_faults(connection)
    found += _quarantine_faults(connection)
    found += _shot_faults(connection)
    found += usage_faults(connection)
    found += _file_faults(connection, blobs, hashes=hashes)
    return found


def _stray_rows(connection: Connection) -> Iterator[str]:
    """What belongs to no stage is on the list of what is to be cleared away."""
    stages = select(t.stages.c.id)
    for table in (t.results, t.files, t.faults):
        of = table.c.stage_id
        strays = connection.execute(
            select(of).where(of.not_in(stages), of.not_in(_DELETED)).distinct()
        ).scalars()
        yield from (
            f"{table.name} has rows of stage {stage}, which is not there" for stage in strays
        )
    for stage in connection.execute(_DELETED.where(t.leftovers.c.stage_id.in_(stages))).scalars():
        yield f"stage {stage} is there, and is to be cleared away as deleted"


# --- reading ----------------------------------------------------------------------------------


def _load(connection: Connection) -> dict[int, StageUnits]:
    stages = {
        row.id: StageUnits(row, Spans.restore(row.units))
        for row in connection.execute(select(t.stages))
    }
    for row in connection.execute(select(t.spans)):
        span = Spans([Span(row.first, row.last, row.step)])
        stages[row.stage_id].pending[row.attempt].append(span)
    for row in connection.execute(select(t.leases)):
        stage, units = stages[row.stage_id], Spans.restore(row.units)
        if row.state != "active":
            stage.ended[row.attempt].append(units)
            continue
        # A tail lease of a unit may have ended since, with a higher attempt than this one (L11).
        lent_twice = row.next_attempt > row.attempt + 1
        attempt = row.next_attempt if lent_twice else row.attempt
        (stage.tails if row.tail else stage.leased)[attempt].append(units)
    for row in connection.execute(select(t.inputs)):
        stages[row.stage_id].have[row.unit] = row.have
    _load_faults(connection, stages)
    _load_results(connection, stages)
    return stages


def _load_faults(connection: Connection, stages: Mapping[int, StageUnits]) -> None:
    columns = (t.faults.c.stage_id, t.faults.c.unit, t.faults.c.attempt)
    some = select(*columns, t.faults.c.final, t.faults.c.forgiven)
    for row in connection.execute(some.where(t.faults.c.stage_id.not_in(_DELETED))):
        stage = stages[row.stage_id]
        stage.faulty[row.attempt].append(row.unit)
        if row.final and not row.forgiven:
            stage.failed.append(row.unit)


def _load_results(connection: Connection, stages: Mapping[int, StageUnits]) -> None:
    units: dict[int, list[int]] = defaultdict(list)
    for row in connection.execute(
        select(t.results.c.stage_id, t.results.c.unit, t.results.c.seconds).where(
            t.results.c.stage_id.not_in(_DELETED)
        )
    ):
        units[row.stage_id].append(row.unit)
        stages[row.stage_id].seconds += row.seconds
    for stage_id, done in units.items():
        stages[stage_id].done = Spans.from_units(done)


# --- sessions ---------------------------------------------------------------------------------


def _session_faults(connection: Connection) -> Iterator[str]:
    """A session has no more workers than it asked for, and none once it has ended."""
    its = t.session_workers.c.session_id == t.sessions.c.id
    counted = select(func.count()).select_from(t.session_workers).where(its).scalar_subquery()
    for row in connection.execute(select(t.sessions, counted.label("workers"))):
        most = row.wanted if row.ended_at is None else 0
        if row.workers > most:
            yield f"session {row.id} has {row.workers} workers, and may have {most}"
        if row.waiting and row.workers:
            yield f"session {row.id} waits for its workers, and has {row.workers}"


# --- quarantines ------------------------------------------------------------------------------


def _quarantine_faults(connection: Connection) -> Iterator[str]:
    """A quarantine ends after it began, and its trial is one unit of the worker itself (L9)."""
    trial = t.leases.c.id == t.quarantines.c.trial_lease
    rows = connection.execute(
        select(t.quarantines, t.leases.c.worker_id.label("holder"), t.leases.c.units).join(
            t.leases, trial, isouter=True
        )
    )
    for row in rows:
        where = f"the quarantine of worker {row.worker_id} for {row.kind}"
        if row.strikes < 1 or row.until_at <= row.since_at:
            yield f"{where} has {row.strikes} strikes, from {row.since_at} until {row.until_at}"
        if row.holder is not None and row.holder != row.worker_id:
            yield f"{where} is tried with a lease of worker {row.holder}"
        if row.units is not None and len(Spans.restore(row.units)) > 1:
            yield f"{where} is tried with more than one unit: {row.units}"


# --- shots ------------------------------------------------------------------------------------


def _shot_faults(connection: Connection) -> Iterator[str]:
    """A job is a version of a shot that is there, in its project, numbered below the next one."""
    jobs, shots = t.jobs.c, t.shots.c
    rows = connection.execute(
        select(jobs.id, jobs.project_id, jobs.shot_id, jobs.version, shots.last_version)
        .add_columns(shots.project_id.label("of_project"), t.projects.c.id.label("project"))
        .join(t.shots, shots.id == jobs.shot_id, isouter=True)
        .join(t.projects, t.projects.c.id == jobs.project_id, isouter=True)
        .where(or_(jobs.project_id.is_not(None), jobs.shot_id.is_not(None)))
    )
    for row in rows:
        if row.project is None:
            yield f"job {row.id} is of project {row.project_id}, which is not there"
        if row.shot_id is None:
            continue
        if row.last_version is None or row.of_project != row.project_id:
            yield f"job {row.id} is of shot {row.shot_id}, which is not in its project"
        elif row.version is None or not 1 <= row.version <= row.last_version:
            yield f"job {row.id} is version {row.version}, the last one is {row.last_version}"


# --- files ------------------------------------------------------------------------------------


def _file_faults(
    connection: Connection, blobs: BlobFolder | None, *, hashes: bool
) -> Iterator[str]:
    orphans = connection.execute(
        select(func.count())
        .select_from(t.files)
        .join(
            t.results,
            (t.results.c.stage_id == t.files.c.stage_id) & (t.results.c.unit == t.files.c.unit),
            isouter=True,
        )
        .where(t.results.c.unit.is_(None))
    ).scalar_one()
    if orphans:
        yield f"{orphans} files belong to no result"
    if blobs is None:
        return
    for sha256, size_bytes in connection.execute(
        select(t.files.c.sha256, t.files.c.size_bytes).distinct()
    ):
        fault = _blob_fault(blobs, sha256, size_bytes, hashes=hashes)
        if fault is not None:
            yield f"blob {sha256}: {fault}"


def _blob_fault(blobs: BlobFolder, sha256: str, size_bytes: int, *, hashes: bool) -> str | None:
    if not blobs.has(sha256):
        return "it is not there"
    came = blobs.existing(sha256).stat().st_size
    if came != size_bytes:
        return f"it has {came} bytes instead of {size_bytes}"
    if hashes:
        try:
            blobs.verify(sha256)
        except BlobMismatchError as error:
            return str(error)
    return None
