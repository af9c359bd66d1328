"""How long others wait while a job with a million results is deleted, or made anew.

The results are put into the database of a stopped manager by SQL, with a file and a fault here and
there, and the counters that go with them. Then the job is steered over HTTP, and meanwhile another
job's priority is changed again and again: each change is a write that waits for its turn.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks.managers import RunningManager, running_manager
from benchmarks.reporting import report

_FILL = """
WITH RECURSIVE n(unit) AS (SELECT 1 UNION ALL SELECT unit + 1 FROM n WHERE unit < :units)
INSERT INTO results SELECT :stage, unit, hex(randomblob(16)), 1, hex(randomblob(16)), 'accepted',
  1.0, 1.0, 1000000, 'CPU', '5.0.1', '' FROM n;
"""
_FILL_FILES = """
INSERT INTO files SELECT :stage, unit, 0, 'trial_' || unit || '.png', 'image',
  lower(hex(randomblob(32))), 20000 FROM results WHERE stage_id = :stage;
"""


def measure(units: int) -> list[dict[str, Any]]:
    """Make a job anew and delete it, while others write."""
    with running_manager() as manager:
        small = manager.call("POST", "/api/jobs", _trial(1))["id"]
        large = manager.call("POST", "/api/jobs", _trial(units))
        manager.stop()
        _fill(manager, large["id"], large["stages"][0]["id"], units)
        manager.start()
        path = f"/api/jobs/{large['id']}"
        return [
            {"what": "nothing", **_while(manager, small, lambda: time.sleep(3.0))},
            {
                "what": "retry 100 frames",
                **_while(
                    manager,
                    small,
                    lambda: manager.call("POST", f"{path}/retry", {"frames": "1-100"}),
                ),
            },
            {"what": "delete", **_while(manager, small, lambda: _delete(manager, path))},
        ]


def _trial(units: int) -> dict[str, Any]:
    return {"kind": "trial", "settings": {"units": f"1-{units}"}}


def _fill(manager: RunningManager, job: int, stage: int, units: int) -> None:
    with contextlib.closing(sqlite3.connect(manager.data_dir / "farm.db")) as database, database:
        for statement in (_FILL, _FILL_FILES):
            database.execute(statement, {"stage": stage, "units": units})
        database.execute("DELETE FROM spans WHERE stage_id = ?", (stage,))
        database.execute(
            "UPDATE stages SET pending = 0, claimable = 0, done = total, seconds = total, "
            "slowest_s = 1.0, slowest_unit = 1, state = 'done' WHERE id = ?",
            (stage,),
        )
        database.execute("UPDATE jobs SET state = 'done', finished_at = 1 WHERE id = ?", (job,))


def _delete(manager: RunningManager, path: str) -> None:
    """Delete a job, and wait until its rows are gone as well."""
    manager.call("DELETE", path)
    uri = f"file:{manager.data_dir / 'farm.db'}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
        while database.execute("SELECT count(*) FROM leftovers").fetchone()[0]:
            time.sleep(0.2)


def _while(manager: RunningManager, job: int, steer: Callable[[], object]) -> dict[str, float]:
    """What writes of others take while something goes on."""
    over, waits = threading.Event(), list[float]()

    def write() -> None:
        while not over.is_set():
            began = time.perf_counter()
            manager.call("POST", f"/api/jobs/{job}/priority", {"priority": len(waits) % 100})
            waits.append(time.perf_counter() - began)

    other = threading.Thread(target=write)
    other.start()
    began = time.perf_counter()
    try:
        steer()
    finally:
        took_s = time.perf_counter() - began
        over.set()
        other.join()
    waits.sort()
    return {
        "took_s": took_s,
        "others_writes": len(waits),
        "others_median_ms": waits[len(waits) // 2] * 1e3,
        "others_p99_ms": waits[int(len(waits) * 0.99)] * 1e3,
        "others_longest_ms": waits[-1] * 1e3,
    }


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = measure(asked.units)
    worst = max(row["others_longest_ms"] for row in rows[1:])
    report("large_writes", rows, as_json=asked.json, units=asked.units, others_longest_ms=worst)


if __name__ == "__main__":
    main()
