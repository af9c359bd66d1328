"""Ten thousand workers connected to one manager: memory, processor time, latencies, and a storm.

A real `framefarm serve`; simulated workers over real sockets in this process, from 127.0.1.2 on,
250 to an address, with the agent's own pauses between tries. Four phases on one manager:

1. all connect, as new workers;
2. idle: heartbeats only, every third of a lease;
3. work: each worker takes as long for a unit as it needs to be `--rate` round trips a second in
   all; a round trip is a durable finish and the next durable lease;
4. the manager is killed (SIGKILL) while they work, started again, and all come back.

The baseline in the same run is the same rate with a hundredth of the workers, on a fresh manager:
what the many connections cost is the difference.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sqlite3
import time
from typing import Any

import uvloop

from benchmarks.managers import RunningManager, running_manager
from benchmarks.reporting import report
from benchmarks.swarm import Swarm
from framefarm.api.serving import raise_file_limit

_CONNECT_S = 120.0
_UNITS = 1_000_000


class Watch:
    """What a manager costs from here on."""

    def __init__(self, manager: RunningManager) -> None:
        self._manager = manager
        self._began = (time.perf_counter(), manager.cpu_s())

    def cores(self) -> float:
        """Processor cores it has kept busy."""
        passed_s = time.perf_counter() - self._began[0]
        return (self._manager.cpu_s() - self._began[1]) / passed_s


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def _idle(manager: RunningManager, seconds: float) -> dict[str, Any]:
    watch = Watch(manager)
    await asyncio.sleep(seconds)
    return {"idle_cores": watch.cores(), "idle_memory_mib": manager.memory_mib()}


async def _work(
    manager: RunningManager, swarm: Swarm, rate: float, seconds: float
) -> dict[str, Any]:
    unit_s = len(swarm.workers) / rate
    swarm.work(unit_s)
    settings = {"units": f"1-{_UNITS}", "largest_lease": 1}
    body = {"kind": "trial", "settings": settings}
    await asyncio.to_thread(manager.call, "POST", "/api/jobs", body)
    # The first leases of all at once, and then one unit of each, are no steady load.
    await asyncio.sleep(unit_s + 3.0)
    swarm.tally.latencies_s.clear()
    watch = Watch(manager)
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    took_s, latencies_s = time.perf_counter() - began, list(swarm.tally.latencies_s)
    return {
        "round_trips_per_s": len(latencies_s) / took_s,
        "p50_ms": _percentile(latencies_s, 0.5) * 1e3,
        "p99_ms": _percentile(latencies_s, 0.99) * 1e3,
        "busy_cores": watch.cores(),
        "busy_memory_mib": manager.memory_mib(),
    }


async def _storm(manager: RunningManager, swarm: Swarm) -> dict[str, Any]:
    began = time.perf_counter()
    await asyncio.to_thread(manager.stop, signal.SIGKILL)
    # What came to the dying one was refused or reset by the system.
    swarm.tally.refused.clear()
    swarm.tally.told_to_wait = 0
    ready_s = await asyncio.to_thread(manager.start)
    swarm.tally.refused.pop("ConnectionRefusedError", None)  # it was not there
    watch = Watch(manager)
    settled_s = await swarm.all_welcomed(_CONNECT_S)
    return {
        "ready_again_s": ready_s,
        "all_back_s": settled_s,
        "kill_to_all_back_s": time.perf_counter() - began,
        "told_to_wait": swarm.tally.told_to_wait,
        "other_errors": swarm.tally.refused.total(),
        "errors": dict(swarm.tally.refused),
        "storm_cores": watch.cores(),
        "storm_memory_mib": manager.memory_mib(),
    }


def _twice_counted(manager: RunningManager) -> dict[str, int]:
    with sqlite3.connect(f"file:{manager.data_dir}/farm.db?mode=ro", uri=True) as database:
        database.execute("BEGIN")  # the last results are still being taken: count at one moment
        [results] = database.execute("SELECT count(*) FROM results").fetchone()
        [done] = database.execute("SELECT sum(done) FROM stages").fetchone()
        [lost] = database.execute("SELECT count(*) FROM leases WHERE state = 'ended'").fetchone()
    return {"results": results, "counted_done": done, "leases_lost": lost}


async def _measure(
    manager: RunningManager, workers: int, asked: argparse.Namespace, *, storm: bool
) -> dict[str, Any]:
    swarm = Swarm(manager.url, workers)
    swarm.start()
    row: dict[str, Any] = {"workers": workers, "connect_s": await swarm.all_welcomed(_CONNECT_S)}
    row["told_to_wait_at_first"] = swarm.tally.told_to_wait
    row |= await _idle(manager, asked.seconds)
    row |= await _work(manager, swarm, asked.rate, asked.seconds)
    if storm:
        row |= await _storm(manager, swarm)
        row |= await _idle_after(swarm)
    await swarm.stop()
    return row


async def _idle_after(swarm: Swarm) -> dict[str, Any]:
    """Whether work goes on after the storm."""
    swarm.tally.latencies_s.clear()
    await asyncio.sleep(5.0)
    return {"round_trips_per_s_after": len(swarm.tally.latencies_s) / 5.0}


def _row(workers: int, asked: argparse.Namespace, *, storm: bool) -> dict[str, Any]:
    with running_manager() as manager:
        row = uvloop.run(_measure(manager, workers, asked, storm=storm))
        return row | _twice_counted(manager)


_SHOWN = (
    "workers",
    "idle_cores",
    "round_trips_per_s",
    "p50_ms",
    "p99_ms",
    "busy_cores",
    "busy_memory_mib",
    "all_back_s",
    "other_errors",
)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=1_000.0, help="round trips a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="of idling, and of working")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    files = raise_file_limit()
    if files < asked.workers + 100:
        parser.error(f"{asked.workers} connections need as many files; {files} may be open here.")
    # Walking ten thousand workers for garbage takes this process 100 ms, which would be put down to
    # the manager.
    gc.disable()
    rows = [
        _row(max(1, asked.workers // 100), asked, storm=False),
        _row(asked.workers, asked, storm=True),
    ]
    for row in rows:
        for name, value in row.items():
            print(f"{name:>24}  {value}")
        print()
    shown = [{name: row[name] for name in _SHOWN if name in row} for row in rows]
    report("farm", shown, as_json=asked.json, detailed=rows)


if __name__ == "__main__":
    main()
