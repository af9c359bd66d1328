"""How long workers wait while somebody steers a job of hundreds of thousands of units.

The results are put into the database of a stopped manager by SQL, with a file each, and the
counters that go with them. Then the jobs are steered over HTTP, one command after the other, while
simulated workers go on with another job: each of their round trips is a durable finish and the next
durable lease, and waits for whatever holds the one writer up.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.managers import RunningManager, running_manager
from benchmarks.reporting import report
from benchmarks.swarm import Swarm

_WORKERS = 50
_UNIT_S = 0.25
_QUIET_S = 5.0
_TIMEOUT_S = 300.0

_RESULTS = """
WITH RECURSIVE n(unit) AS
  (SELECT 1 UNION ALL SELECT unit + :step FROM n WHERE unit + :step <= :units)
INSERT INTO results SELECT :stage, unit, hex(randomblob(16)), 1, hex(randomblob(16)), 'accepted',
  1.0, 1.0, 1000000, 'CPU', '5.0.1', '' FROM n;
"""
_FILES = """
INSERT INTO files SELECT :stage, unit, 0, 'trial_' || unit || '.png', 'image',
  lower(hex(randomblob(32))), 20000 FROM results WHERE stage_id = :stage;
"""
_FAULTS = """
WITH RECURSIVE n(unit) AS (SELECT 1 UNION ALL SELECT unit + 1 FROM n WHERE unit < :units)
INSERT INTO faults (stage_id, unit, attempt, worker_id, reason, message, log_tail, final, at)
  SELECT :stage, unit, 1, 'w', 'refused', 'no camera', '', 1, 1.0 FROM n;
"""
_SETTLE = """
UPDATE stages SET state = :state, highest_attempt = 1, slowest_s = 1.0, slowest_unit = 1,
  peak_memory_bytes = 1000000, claimable = 0,
  done = (SELECT count(*) FROM results WHERE stage_id = :stage),
  seconds = (SELECT count(*) FROM results WHERE stage_id = :stage),
  failed = (SELECT count(*) FROM faults WHERE stage_id = :stage) WHERE id = :stage;
"""
_PENDING = """
UPDATE stages SET pending = total - done - failed, claimable = total > done + failed
WHERE id = :stage;
"""


def measure(units: int) -> list[dict[str, Any]]:
    """Steer jobs while others work."""
    with running_manager() as manager:
        jobs = {name: _submit(manager, units) for name in ("done", "half", "failed")}
        busy = _submit(manager, 1_000_000, priority=100)
        manager.stop()
        _fill(manager, jobs, units)
        manager.start()
        manager.call("POST", f"/api/jobs/{jobs['half']['id']}/pause")
        with _others_at_work(manager) as waits:
            assert busy["id"]
            return [
                {"what": what, **_meanwhile(manager, waits, act)}
                for what, act in _commands(manager, {k: job["id"] for k, job in jobs.items()})
            ]


def _commands(
    manager: RunningManager, jobs: dict[str, int]
) -> Iterator[tuple[str, Callable[[], object]]]:
    def steer(job: str, command: str, body: Any = None) -> Callable[[], object]:
        return lambda: manager.call("POST", f"/api/jobs/{jobs[job]}/{command}", body)

    yield "nothing", lambda: time.sleep(_QUIET_S)
    yield "retry 100 frames of done", steer("done", "retry", {"frames": "1000-1099"})
    yield "retry every 7th frame of done", steer("done", "retry", {"frames": "1-300000x7"})
    yield "retry --all of done", steer("done", "retry", {"all": True})
    yield "retry of failed", steer("failed", "retry")
    for command, body in (
        ("resume", None),
        ("priority", {"priority": 7}),
        ("pause", {"now": True}),
        ("cancel", None),
        ("retry", None),
    ):
        yield f"{command} of half done", steer("half", command, body)
    yield "delete of half done", lambda: manager.call("DELETE", f"/api/jobs/{jobs['half']}")


def _submit(manager: RunningManager, units: int, **more: Any) -> dict[str, Any]:
    asked = {"kind": "trial", "settings": {"units": f"1-{units}", "largest_lease": 1}, **more}
    job: dict[str, Any] = manager.call("POST", "/api/jobs", asked)
    return job


def _fill(manager: RunningManager, jobs: dict[str, Any], units: int) -> None:
    steps = {"done": 1, "half": 2}
    with contextlib.closing(sqlite3.connect(manager.data_dir / "farm.db")) as database, database:
        for name, job in jobs.items():
            stage = {"stage": job["stages"][0]["id"], "units": units}
            if name == "failed":
                database.execute(_FAULTS, stage)
            else:
                database.execute(_RESULTS, {**stage, "step": steps[name]})
                database.execute(_FILES, stage)
            state = "ready" if name == "half" else name
            database.execute(_SETTLE, {**stage, "state": state})
            database.execute(_PENDING, stage)
            if name == "half":
                run = "UPDATE spans SET first = 2, last = :units, step = 2 WHERE stage_id = :stage"
                database.execute(run, {**stage, "units": units // 2 * 2})
                continue
            database.execute("DELETE FROM spans WHERE stage_id = :stage", stage)
            ended = "UPDATE jobs SET state = ?, finished_at = 1 WHERE id = ?"
            database.execute(ended, (state, job["id"]))


@contextlib.contextmanager
def _others_at_work(manager: RunningManager) -> Iterator[list[float]]:
    """Workers of another job; gives the seconds that their round trips take, as they come."""
    waits: list[float] = []
    ready, over = threading.Event(), threading.Event()

    async def work() -> None:
        swarm = Swarm(manager.url, _WORKERS)
        swarm.tally.latencies_s = waits
        swarm.work(_UNIT_S)
        swarm.start()
        try:
            await swarm.all_welcomed(60.0)
            await asyncio.sleep(2 * _UNIT_S)
            ready.set()
            await asyncio.to_thread(over.wait)
        finally:
            await swarm.stop()

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        if not ready.wait(_TIMEOUT_S):
            raise RuntimeError("the workers do not work")
        yield waits
    finally:
        over.set()
        thread.join()


def _meanwhile(
    manager: RunningManager, waits: list[float], act: Callable[[], object]
) -> dict[str, Any]:
    """What round trips of others take while a command, and all that follows of it, goes on."""
    waits.clear()
    began = time.perf_counter()
    act()
    answered_s = time.perf_counter() - began
    _until_carried_out(manager)
    took_s = time.perf_counter() - began
    time.sleep(max(0.5, 1.0 - took_s))  # what began before it was over ends as well
    found = sorted(waits)
    return {
        "answered_s": answered_s,
        "took_s": took_s,
        "others": len(found),
        "others_median_ms": found[len(found) // 2] * 1e3,
        "others_p99_ms": found[int(len(found) * 0.99)] * 1e3,
        "others_longest_ms": found[-1] * 1e3,
    }


def _until_carried_out(manager: RunningManager) -> None:
    """Wait until nothing is left to be cleared away or taken back."""
    uri, left = f"file:{manager.data_dir / 'farm.db'}?mode=ro", "SELECT count(*) FROM"
    gives_up_at = time.monotonic() + _TIMEOUT_S
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
        while any(
            database.execute(f"{left} {table}").fetchone()[0] for table in ("leftovers", "redoing")
        ):
            if time.monotonic() > gives_up_at:
                raise RuntimeError("it is not carried out")
            time.sleep(0.1)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=300_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = measure(asked.units)
    worst = max(row["others_longest_ms"] for row in rows[1:])
    report("large_writes", rows, as_json=asked.json, units=asked.units, others_longest_ms=worst)


if __name__ == "__main__":
    main()
