"""Finished files, where people look for them: ordinary files in ordinary folders."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from os import sep
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Row, bindparam, select, tuple_

from framefarm.core.naming import safe_name
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.settings import ManagerSettings
from framefarm.protocol.manifest import ResultFile
from framefarm.storage import BlobFolder, BlobMissingError, place

OUTPUT_ROLES = ("image", "layer", "movie", "other")
_AT_A_TIME = 1_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class OutputFile:
    """A file of a job that its owner wants to have."""

    name: str
    role: str
    sha256: str
    size_bytes: int
    unit: int


def folder_of(settings: ManagerSettings, job: Row[Any]) -> Path:
    """Where a job's files appear.

    Args:
        settings: The manager's.
        job: A row with `id`, `name`, `project`, `sequence` and `shot`.
    """
    return Path(folder_name(settings.outputs, job, flat=settings.flat_outputs))


def folder_name(outputs: Path | str, job: Any, *, flat: bool) -> str:
    """The same as text: for lists of jobs, of which making paths took a fifth of the time."""
    if flat:
        return str(outputs)
    parts = [safe_name(part) for part in (job.project, job.sequence, job.shot) if part]
    return sep.join([str(outputs), *parts, safe_name(f"{job.id:04d}-{job.name}")])  # noqa: PTH118


class Outputs:
    """Puts finished files in their places. Its methods touch the disk."""

    def __init__(self, settings: ManagerSettings, blobs: BlobFolder) -> None:
        self._settings = settings
        self._blobs = blobs
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Place nothing after the file in hand; may be called from any thread."""
        self._stopped.set()

    def deliver(self, folder: Path, files: Sequence[ResultFile | OutputFile]) -> None:
        """Make files appear below a folder.

        What cannot be placed is logged, and tried again when the job ends and when the manager
        starts.
        """
        for file in files:
            if self._stopped.is_set():
                return
            if file.role not in OUTPUT_ROLES:
                continue
            try:
                self._place(file, folder / file.name)
            except (OSError, BlobMissingError) as error:
                _log.error("output_not_placed", file=str(folder / file.name), error=str(error))

    def _place(self, file: ResultFile | OutputFile, target: Path) -> None:
        # With `framefarm render` the folder is its user's own, to write into as they like.
        shared = not self._settings.flat_outputs
        place(self._blobs.existing(file.sha256), target, read_only=shared)

    def deliver_missing(self, connection: Connection, job_id: int) -> int:
        """Place those of a job's files that are not there; returns how many there were."""
        job = connection.execute(select(t.jobs).where(t.jobs.c.id == job_id)).one_or_none()
        if job is None:
            return 0
        folder, count, after = folder_of(self._settings, job), 0, _BEFORE_ALL
        while page := output_files(connection, job_id, after=after, limit=_AT_A_TIME):
            if self._stopped.is_set():
                break
            missing = [file for _, file in page if not self._is_there(folder, file)]
            self.deliver(folder, missing)
            count += len(missing)
            after = page[-1][0]
        return count

    def _is_there(self, folder: Path, file: OutputFile) -> bool:
        """Whether a file is in its place, and is not what an earlier result left there.

        A file is placed after its blob was stored, so one that is older than the blob is of a
        result that was made anew since.
        """
        place, blob = folder / file.name, self._blobs.path_of(file.sha256)
        try:
            there, kept = place.stat(), blob.stat()
        except OSError:
            return False
        same_file = (there.st_ino, there.st_dev) == (kept.st_ino, kept.st_dev)
        return same_file or (
            there.st_size == file.size_bytes and there.st_mtime_ns >= kept.st_mtime_ns
        )

    def places(self, connection: Connection, job_id: int) -> list[Path]:
        """Where a job's outputs appear; none when there is no such job."""
        job = connection.execute(select(t.jobs).where(t.jobs.c.id == job_id)).one_or_none()
        if job is None:
            return []
        folder, found, after = folder_of(self._settings, job), [], _BEFORE_ALL
        while page := output_files(connection, job_id, after=after, limit=_AT_A_TIME):
            found += [folder / file.name for _, file in page]
            after = page[-1][0]
        return found

    def remove(self, placed: Sequence[Path]) -> int:
        """Remove files of the outputs folder, and folders below it that are empty then.

        Returns:
            How many files there were.
        """
        root, count = self._settings.outputs.resolve(), 0
        folders = set()
        for path in placed:
            if not path.resolve().is_relative_to(root):
                continue
            with contextlib.suppress(OSError):
                path.unlink()
                count += 1
            folders |= {folder for folder in path.parents if root in folder.resolve().parents}
        for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
            with contextlib.suppress(OSError):  # not empty: something else is in it
                folder.rmdir()
        return count


Place = tuple[int, int, int]
"""Stage, unit and position of a file: what its job's files are ordered by."""

_BEFORE_ALL: Place = (0, -(1 << 31), -1)


_OUTPUTS = Prepared(
    select(t.files)
    .join(t.stages, t.stages.c.id == t.files.c.stage_id)
    .where(
        t.stages.c.job_id == bindparam("job"),
        t.files.c.role.in_(OUTPUT_ROLES),
        tuple_(t.files.c.stage_id, t.files.c.unit, t.files.c.position)
        > tuple_(bindparam("stage"), bindparam("unit"), bindparam("position")),
    )
    .order_by(t.files.c.stage_id, t.files.c.unit, t.files.c.position)
    .limit(bindparam("most"))
)


def output_files(
    connection: Connection, job_id: int, *, after: Place, limit: int
) -> list[tuple[Place, OutputFile]]:
    """A job's outputs, those after a place, at most `limit`."""
    stage, unit, position = after
    rows = _OUTPUTS.rows(
        connection, job=job_id, stage=stage, unit=unit, position=position, most=limit
    )
    return [
        (
            (row.stage_id, row.unit, row.position),
            OutputFile(row.name, row.role, row.sha256, row.size_bytes, row.unit),
        )
        for row in rows
    ]
