"""A farm's database as years leave it: ten thousand jobs, a million frames with their files.

Two jobs are submitted by the API, and the rest is made of the second one's rows in the database,
since a million uploads would take hours: every column that is not said here is as the manager wrote
it.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import urllib.request
from typing import Any

from benchmarks.images import noise_png
from benchmarks.managers import RunningManager

FRAMES_EACH = 100
PICTURES = 200
"""Jobs whose first frame has a picture that is really there."""

_BY_API = 2
WORKERS = 500
OWNERS, PROJECTS, SHOTS = 50, 40, 250
IMAGE_BYTES = 20_000

_STATES = "CASE n.id % 40 WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' ELSE 'done' END"
_JOB = {
    "id": "n.id",
    "name": "printf('sq%02d_sh%03d_v%03d', n.id % 40, n.id % 250, n.id / 250)",
    "project": f"printf('film %02d', n.id % {PROJECTS})",
    "shot": f"printf('sh%03d', n.id % {SHOTS})",
    "owner": f"printf('artist%02d', n.id % {OWNERS})",
    "priority": "n.id * 7919 % 101",
    "state": _STATES,
    "task_key": "printf('task-%d', n.id)",
    "created_at": "one.created_at - (:jobs - n.id) * 600",
    "started_at": "one.created_at - (:jobs - n.id) * 600 + 5",
    "finished_at": "one.created_at - (:jobs - n.id) * 600 + 300",
}
_STAGE = {
    "id": "n.id",
    "job_id": "n.id",
    "state": "'done'",
    "claimable": "0",
    "total": ":frames",
    "pending": "0",
    "done": ":frames",
    "seconds": "30.0 * :frames",
    "slowest_s": "90.0",
    "slowest_unit": "17",
    "peak_memory_bytes": "1 << 31",
}
_NUMBERS = "WITH RECURSIVE n(id) AS (SELECT 3 UNION ALL SELECT id + 1 FROM n WHERE id < :jobs)"
_TIMES = "f(unit) AS (SELECT 1 UNION ALL SELECT unit + 1 FROM f WHERE unit < :frames)"
_FRAMES = f"{_NUMBERS}, {_TIMES}"
_RESULTS = """
INSERT INTO results (stage_id, unit, lease_id, attempt, worker_id, answer, finished_at, seconds,
                     peak_memory_bytes, device, blender, facts)
SELECT n.id, unit, printf('%032x', n.id * 1000 + unit), 1,
       printf('%032x', (n.id + unit) % :workers), 'accepted', unixepoch() - (:jobs - n.id) * 600,
       30.0, 1 << 31, 'CPU', '5.0', '{}' FROM n, f
"""
_FILES = """
INSERT INTO files (stage_id, unit, position, name, role, sha256, size_bytes)
SELECT n.id, unit, 0, printf('trial_%04d.png', unit), 'image',
       printf('%032x%032x', n.id * 2654435761 % 4294967296, n.id * 1000 + unit), :bytes FROM n, f
"""
_WORKERS = """
WITH RECURSIVE n(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < :workers - 1)
INSERT INTO workers (id, name, key_hash, boot_id, state, agent_version, facts, slots,
                     first_seen_at, last_seen_at, tags)
SELECT printf('%032x', id), printf('old-%03d', id), printf('%064x', id), 'boot', 'offline', '0',
       '{}', '[]', 1.7e9, 1.7e9, '[]' FROM n
"""


def fill(manager: RunningManager, jobs: int) -> None:
    """Let so many jobs be there, all but the first two of them over.

    Job N has the task key `task-N`, the second one too.
    """
    pictures = [_upload(manager, seed) for seed in range(PICTURES)] if jobs > _BY_API else []
    manager.stop()
    numbers = {"jobs": jobs, "frames": FRAMES_EACH, "workers": WORKERS, "bytes": IMAGE_BYTES}
    with contextlib.closing(sqlite3.connect(manager.data_dir / "farm.db")) as database, database:
        database.execute("UPDATE jobs SET task_key = 'task-2' WHERE id = 2")
        if jobs > _BY_API:
            _make(database, numbers, pictures)
    manager.start()


def _make(database: sqlite3.Connection, numbers: dict[str, int], pictures: list[str]) -> None:
    _copy(database, "jobs", _JOB, numbers)
    _copy(database, "stages", _STAGE, numbers)
    database.execute(_FRAMES + _RESULTS, numbers)
    database.execute(_FRAMES + _FILES, numbers)
    database.execute(_WORKERS, numbers)
    database.executemany(
        "UPDATE files SET sha256 = ? WHERE stage_id = ? AND unit = 1",
        [(sha256, 3 + number) for number, sha256 in enumerate(pictures)],
    )


def _copy(
    database: sqlite3.Connection, table: str, changes: dict[str, str], numbers: dict[str, Any]
) -> None:
    """Rows like the one of number 2, with some columns of their own."""
    names = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changes.get(name, f"one.{name}") for name in names)
    database.execute(
        f"{_NUMBERS} INSERT INTO {table} ({', '.join(names)}) "  # noqa: S608  names are the schema's
        f"SELECT {values} FROM n JOIN {table} AS one ON one.id = 2",
        numbers,
    )


def _upload(manager: RunningManager, seed: int) -> str:
    content = noise_png(IMAGE_BYTES, seed=seed)
    sha256 = hashlib.sha256(content).hexdigest()
    request = urllib.request.Request(  # noqa: S310  our own loopback address
        f"{manager.url}/api/blobs/{sha256}", method="PUT", data=content
    )
    urllib.request.urlopen(request, timeout=60).close()  # noqa: S310
    return sha256
