"""What a round trip costs as a farm grows: jobs that wait, units of a job, results that are stored.

The round trips of benchmarks.leases with 32 workers, on fresh managers: with 1, 100 and 10,000 jobs
waiting, and in a job of 1,000, 100,000 and 1,000,000 units of which half have their result already.
The first row of each is the baseline of the others. Two jobs are submitted and the second is copied
in the database: ten thousand requests would take longer than everything that is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import uvloop

from benchmarks.leases import measure_running
from benchmarks.managers import RunningManager, running_manager
from benchmarks.reporting import report

_WORKERS = 32
_COPIED = {
    "jobs": {"id": "n.id"},
    "stages": {"id": "n.id", "job_id": "n.id"},
    "spans": {"id": "n.id", "stage_id": "n.id"},
}
_DONE_ALREADY = """
WITH RECURSIVE n(unit) AS (SELECT 1 UNION ALL SELECT unit + 1 FROM n WHERE unit < :done)
INSERT INTO results (stage_id, unit, lease_id, attempt, worker_id, answer, finished_at, seconds,
                     peak_memory_bytes, device, blender, facts)
SELECT 1, unit, printf('%032x', unit), 1, 'earlier', 'accepted', unixepoch(), 0.001, 0, 'CPU', '',
       '{}' FROM n
"""


def _submit(manager: RunningManager, units: int) -> None:
    settings = {"units": f"1-{units}", "largest_lease": 1}
    manager.call("POST", "/api/jobs", {"kind": "trial", "settings": settings})


def _copy_second_job(manager: RunningManager, count: int) -> None:
    """Let as many jobs be there in all: copies of the second, with its only stage and span."""
    manager.stop()
    with contextlib.closing(sqlite3.connect(manager.data_dir / "farm.db")) as database, database:
        for table, changes in _COPIED.items():
            names = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(changes.get(name, f"one.{name}") for name in names)
            database.execute(
                "WITH RECURSIVE n(id) AS (SELECT 3 UNION ALL SELECT id + 1 FROM n WHERE id < ?) "  # noqa: S608  names are the schema's
                f"INSERT INTO {table} ({', '.join(names)}) "
                f"SELECT {values} FROM n JOIN {table} AS one ON one.id = 2",
                (count,),
            )
    manager.start()


def _half_done(manager: RunningManager, units: int) -> None:
    """Give the first half of the only job's units a result, as if it were in work for long."""
    manager.stop()
    done = units // 2
    with contextlib.closing(sqlite3.connect(manager.data_dir / "farm.db")) as database, database:
        database.execute(_DONE_ALREADY, {"done": done})
        database.execute("UPDATE spans SET first = ?", (done + 1,))
        database.execute(
            "UPDATE stages SET pending = pending - :done, done = :done, seconds = 0.001 * :done",
            {"done": done},
        )
    manager.start()


def _row(what: str, count: int, manager: RunningManager, seconds: float) -> dict[str, Any]:
    measured = uvloop.run(measure_running(manager, _WORKERS, seconds, 0))
    return {"what": what, "count": count, **measured}


def _with_jobs(count: int, seconds: float) -> dict[str, Any]:
    with running_manager() as manager:
        # The first is worked on; it has units enough for the whole measurement.
        _submit(manager, 1_000_000)
        if count > 2:
            _submit(manager, 1_000)
            _copy_second_job(manager, count)
        return _row("jobs waiting", count, manager, seconds)


def _with_units(count: int, seconds: float) -> dict[str, Any]:
    with running_manager() as manager:
        _submit(manager, count)
        _half_done(manager, count)
        # So that a small job does not end before the measurement does.
        _submit(manager, 1_000_000)
        return _row("units, half done", count, manager, seconds)


def _best(
    measure: Callable[[int, float], dict[str, Any]],
    counts: Sequence[int],
    asked: argparse.Namespace,
) -> list[dict[str, Any]]:
    """The cheapest of several rounds for each count, and how much more it costs than the first.

    A shared host slows down by half for seconds at a time: what is never cheap is what grows.
    """
    rounds = [[_costed(measure(n, asked.seconds)) for n in counts] for _ in range(asked.rounds)]
    best = [
        min(rows, key=lambda row: float(row["cpu_us_each"])) for rows in zip(*rounds, strict=True)
    ]
    for row in best:
        row["cost_ratio"] = row["cpu_us_each"] / best[0]["cpu_us_each"]
    return best


def _costed(row: dict[str, Any]) -> dict[str, Any]:
    """A row with what a round trip costs the manager."""
    return row | {"cpu_us_each": row["manager_cpu_cores"] / row["round_trips_per_s"] * 1e6}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, 100, 10_000])
    parser.add_argument("--units", type=int, nargs="*", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3, help="of which the cheapest counts")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    jobs = _best(_with_jobs, asked.jobs, asked)
    units = _best(_with_units, asked.units, asked)
    report("growth", jobs + units, as_json=asked.json)


if __name__ == "__main__":
    main()
