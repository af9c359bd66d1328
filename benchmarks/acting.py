"""How soon the farm does what people ask of it, and how soon it is back after a stop.

A `framefarm serve` and three `framefarm worker`, real processes with the product's own settings,
whose renderer is a child process that only takes its time (`tests.faults.farm`). Each round has a
farm of its own and asks everything once. A running render has ended when its process has; a
revoked worker when it has ended itself.

The commands are started `--starts` times; the baseline in the same run is `python -c pass`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import select

from benchmarks.managers import FRAMEFARM
from benchmarks.reporting import report
from framefarm.db import tables as t
from tests.faults.farm import Farm
from tests.faults.programs import until
from tests.faults.renders import Render
from tests.integration.cli.processes import environment

Times = dict[str, list[float]]

_FAR_S = 600.0
_AWAY_S = 4.0
_EVERY_S = 0.002

_STEERING: dict[str, tuple[str, dict[str, Any]]] = {
    "cancel": ("cancel", {}),
    "pause --now": ("pause", {"now": True}),
    "retry --all": ("retry", {"all": True}),
}

_BUDGETS_S = {
    "cancel": 2.0,
    "pause --now": 2.0,
    "retry --all": 2.0,
    "workers revoke": 5.0,
    "manager stops": 2.0,
    "manager serves again": 5.0,
    "outbox delivered": 5.0,
}


def _everywhere(farm: Farm, job: int) -> list[Render]:
    """Wait for a render on each worker; returns them."""

    def busy() -> list[Render]:
        begun = farm.record.running(job)
        return begun if {one.worker for one in begun} == set(farm.names) else []

    return until(busy, f"renders of job {job} on all workers")


def _ended(render: Render) -> bool:
    try:
        return bool(psutil.Process(render.pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _seconds_until(look: Callable[[], object], what: str, since: float) -> float:
    until(look, what, every_s=_EVERY_S)
    return time.perf_counter() - since


def _steer(farm: Farm, times: Times) -> None:
    for name, (verb, body) in _STEERING.items():
        job = farm.submit(units=3, seconds=_FAR_S)
        renders = _everywhere(farm, job)
        began = time.perf_counter()
        farm.ask(f"/api/jobs/{job}/{verb}", body)
        times[name].append(
            _seconds_until(lambda renders=renders: all(map(_ended, renders)), name, began)
        )
        if verb != "cancel":
            farm.ask(f"/api/jobs/{job}/cancel", {})


def _finished_at(farm: Farm) -> dict[int, float]:
    query = select(t.results.c.unit, t.results.c.finished_at)
    rows = farm.read(lambda connection: connection.execute(query).all())
    return {row.unit: row.finished_at for row in rows}


def _stop_and_start(farm: Farm, times: Times) -> None:
    """Stop the manager while workers are at work, and start it a little later."""
    job = farm.submit(units=300, seconds=0.2)
    _everywhere(farm, job)
    manager = farm.manager
    assert manager is not None
    began = time.perf_counter()
    manager.send(signal.SIGTERM)
    if manager.end():
        raise RuntimeError(f"the manager failed: {manager.written()[-2000:]}")
    times["manager stops"].append(time.perf_counter() - began)
    time.sleep(_AWAY_S)

    began = time.perf_counter()
    served_at = farm.start_manager()
    times["manager serves again"].append(time.perf_counter() - began)
    made = {one.unit for one in farm.record.lines(job, "end") if one.at < served_at}
    until(lambda: made <= _finished_at(farm).keys(), "the delivery")
    finished = _finished_at(farm)
    times["outbox delivered"].append(max(finished[unit] - served_at for unit in made))
    farm.ask(f"/api/jobs/{job}/cancel", {})


def _revoke(farm: Farm, times: Times) -> None:
    """Revoke every worker in the middle of a render."""
    _everywhere(farm, farm.submit(units=3, seconds=_FAR_S))
    for name in farm.names:
        worker = farm.workers[name]
        began = time.perf_counter()
        farm.ask(f"/api/workers/{name}/revoke", {})
        times["workers revoke"].append(
            _seconds_until(lambda worker=worker: not worker.alive, "a revoked worker's end", began)
        )


def _round(times: Times) -> None:
    folder = Path(tempfile.mkdtemp(prefix="framefarm-acting-"))
    try:
        with Farm(folder / "farm") as farm:
            _steer(farm, times)
            _stop_and_start(farm, times)
            _revoke(farm, times)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _row(name: str, found: Sequence[float]) -> dict[str, Any]:
    budget_s = _BUDGETS_S[name]
    return {
        "what": name,
        "times": len(found),
        "p50_s": statistics.median(found),
        "max_s": max(found),
        "budget_s": budget_s,
        "held": "yes" if max(found) <= budget_s else "NO",
    }


# --- starts of commands -------------------------------------------------------------------------


def _start(command: Sequence[str], home: Path) -> tuple[float, float]:
    """Wall and processor seconds of one command."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, env=environment(home), capture_output=True, check=False, timeout=60)
    wall_s, after = time.perf_counter() - began, os.times()
    user_s = after.children_user - before.children_user
    return wall_s, user_s + after.children_system - before.children_system


def _starts(count: int) -> list[dict[str, Any]]:
    """Commands in turn, so that a slow moment of the machine is everybody's."""
    # Nothing listens at port 1: the whole way to a manager, without the manager's own time.
    commands = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "framefarm --help": (FRAMEFARM, "--help"),
        "framefarm render --help": (FRAMEFARM, "render", "--help"),
        "framefarm jobs": (FRAMEFARM, "jobs", "--url", "http://127.0.0.1:1"),
    }
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as home:
        for _ in range(count):
            for name, command in commands.items():
                found[name].append(_start(command, Path(home)))
    return [_start_row(name, list(zip(*one, strict=True))) for name, one in found.items()]


def _start_row(name: str, found: Sequence[Sequence[float]]) -> dict[str, Any]:
    wall_ms, cpu_ms = ([seconds * 1e3 for seconds in one] for one in found)
    return {
        "command": name,
        "starts": len(wall_ms),
        "wall_p50_ms": statistics.median(wall_ms),
        "wall_max_ms": max(wall_ms),
        "cpu_p50_ms": statistics.median(cpu_ms),
        "cpu_max_ms": max(cpu_ms),
    }


def main() -> int:
    """Measure; 1 when a budget was not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    times: Times = defaultdict(list)
    for _ in range(asked.rounds):
        _round(times)
    starts = _starts(asked.starts)
    rows = [_row(name, times[name]) for name in _BUDGETS_S if times[name]]
    if starts:
        report("starts", starts, as_json=False)
    report("acting", rows, as_json=asked.json, starts=starts, away_s=_AWAY_S)
    return int(any(row["held"] != "yes" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
