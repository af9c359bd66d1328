"""What idle slots cost that a pool's limit keeps idle, while a few beside them work.

A real `framefarm serve`; `--workers` simulated ones are connected, of which `--slots` may work at a
time, with `--rate` round trips a second in all. The baseline in the same run is a manager to which
no more are connected than may work.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from typing import Any

import uvloop

from benchmarks.managers import RunningManager, running_manager
from benchmarks.reporting import report
from benchmarks.swarm import Swarm
from framefarm.api.serving import raise_file_limit

_CONNECT_S = 240.0
_WARM_UP_S = 3.0
_UNITS = 1_000_000


async def _measure(
    manager: RunningManager, workers: int, asked: argparse.Namespace
) -> dict[str, Any]:
    swarm = Swarm(manager.url, workers)
    swarm.work(asked.slots / asked.rate)
    limit = {"max_slots": asked.slots}
    await asyncio.to_thread(manager.call, "PATCH", "/api/pools/own", limit)
    swarm.start()
    await swarm.all_welcomed(_CONNECT_S)
    settings = {"units": f"1-{_UNITS}", "largest_lease": 1}
    job = {"kind": "trial", "settings": settings}
    await asyncio.to_thread(manager.call, "POST", "/api/jobs", job)
    await asyncio.sleep(asked.slots / asked.rate + _WARM_UP_S)
    settled = swarm.tally.settled.total()
    began, cpu_s = time.perf_counter(), manager.cpu_s()
    await asyncio.sleep(asked.seconds)
    took_s = time.perf_counter() - began
    row = {
        "connected": workers,
        "round_trips_per_s": (swarm.tally.settled.total() - settled) / took_s,
        "manager_cores": (manager.cpu_s() - cpu_s) / took_s,
        "memory_mib": manager.memory_mib(),
    }
    await swarm.stop()
    return row


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=100, help="that may work at a time")
    parser.add_argument("--rate", type=float, default=200.0, help="round trips a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if raise_file_limit() < asked.workers + 100:
        parser.error(f"{asked.workers} connections need as many files.")
    gc.disable()  # walking ten thousand workers for garbage would be put down to the manager
    rows = []
    for workers in (asked.slots, asked.workers):
        with running_manager() as manager:
            rows.append(uvloop.run(_measure(manager, workers, asked)))
    report("limited", rows, as_json=asked.json, slots=asked.slots, rate=asked.rate)


if __name__ == "__main__":
    main()
