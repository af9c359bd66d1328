"""How long a worker's slot stands idle between two leases.

A real `framefarm serve` and a real `framefarm worker` on this machine; a trial job whose units take
50 ms, in leases of one unit. From the end of one unit to the end of the next is the unit's own time
plus the gap: reporting, a durable finish, a durable lease, and its start.

The baseline in the same run is the same job in leases of up to 1,000 units, which need no answer of
the manager in between.
"""

from __future__ import annotations

import argparse
import itertools
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.managers import FRAMEFARM, RunningManager, running_manager
from benchmarks.reporting import report

_UNIT_S = 0.05
_TOO_LONG_S = 120.0


@contextmanager
def running_worker(manager: RunningManager) -> Iterator[None]:
    """A worker of that manager, in a process of its own."""
    data = manager.data_dir / "worker"
    with (manager.data_dir / "worker.log").open("wb") as log:
        command = [FRAMEFARM, "worker", manager.url, "--data", str(data)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _run_job(manager: RunningManager, units: int, largest_lease: int) -> int:
    settings = {"units": f"1-{units}", "seconds": _UNIT_S, "largest_lease": largest_lease}
    job = manager.call("POST", "/api/jobs", {"kind": "trial", "settings": settings})
    end = time.monotonic() + _TOO_LONG_S
    while job["state"] != "done":
        if time.monotonic() > end:
            raise RuntimeError(f"The job is {job['state']} after {_TOO_LONG_S:g} s.")
        time.sleep(0.2)
        job = manager.call("GET", f"/api/jobs/{job['id']}")
    return int(job["stages"][0]["id"])


def _gaps_ms(manager: RunningManager, stage_id: int) -> list[float]:
    """For every unit but the first: time since the one before it ended, less its own time."""
    with sqlite3.connect(f"file:{manager.data_dir}/farm.db?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT finished_at, seconds FROM results WHERE stage_id = ? ORDER BY finished_at",
            (stage_id,),
        ).fetchall()
    return [
        (later - earlier - seconds) * 1e3
        for (earlier, _), (later, seconds) in itertools.pairwise(rows)
    ]


def _row(name: str, gaps_ms: list[float]) -> dict[str, Any]:
    ordered = sorted(gaps_ms)
    return {
        "leases_of": name,
        "gaps": len(ordered),
        "p50_ms": ordered[len(ordered) // 2],
        "p95_ms": ordered[len(ordered) * 95 // 100],
        "max_ms": ordered[-1],
    }


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with running_manager() as manager, running_worker(manager):
        _run_job(manager, 20, 1)
        single = _gaps_ms(manager, _run_job(manager, asked.units, 1))
        many = _gaps_ms(manager, _run_job(manager, asked.units, 1_000))
    rows = [_row("one unit", single), _row("many units", many)]
    report("gaps", rows, as_json=asked.json, unit_s=_UNIT_S, **rows[0])


if __name__ == "__main__":
    main()
