"""Mixed reading beside a farm at work: 10,000 jobs and a million frames, against two jobs.

A real `framefarm serve`; simulated workers make `--round-trips` durable round trips a second on it,
and this process asks for whatever a dashboard, a pipeline and people with scripts ask for, `--rate`
times a second: lists of jobs by filters, orders and deep pages, single jobs, their frames,
pictures, files and progress, workers, and events since a place. The baseline in the same run is a
farm with two jobs.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
from collections.abc import Callable
from typing import Any

import uvloop

from benchmarks.full_farm import FRAMES_EACH, OWNERS, PICTURES, PROJECTS, SHOTS, fill
from benchmarks.http_load import Load, Measured
from benchmarks.managers import RunningManager, running_manager
from benchmarks.reporting import report
from benchmarks.swarm import Swarm

_WORKERS = 100
_CONNECT_S = 60.0
_WARM_UP_S = 3.0
_BASE_JOBS = 2

Path = Callable[[random.Random, int], str]


def _job(draw: random.Random, jobs: int) -> int:
    """Any job that is over, or the second one where there is no other."""
    return draw.randint(3, jobs) if jobs > _BASE_JOBS else 2


def _picture(draw: random.Random, jobs: int) -> str:
    if jobs == _BASE_JOBS:
        return "/api/jobs/2"
    return f"/api/jobs/{draw.randint(3, 2 + PICTURES)}/frames/1/image"


def _cursor(value: Any, job: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([value, job]).encode()).decode()


MIX: dict[str, tuple[int, Path]] = {
    "jobs, newest": (20, lambda _, __: "/api/jobs?limit=50"),
    "jobs, any page": (10, lambda r, n: f"/api/jobs?limit=50&cursor={_job(r, n)}"),
    "jobs, by state": (
        10,
        lambda r, _: f"/api/jobs?state={r.choice(['done', 'failed', 'running'])}",
    ),
    "jobs, of an owner": (10, lambda r, _: f"/api/jobs?owner=artist{r.randrange(OWNERS):02d}"),
    "jobs, of a shot": (
        8,
        lambda r, _: (
            f"/api/jobs?project=film%20{r.randrange(PROJECTS):02d}&shot=sh{r.randrange(SHOTS):03d}"
        ),
    ),
    "jobs, name found": (5, lambda r, _: f"/api/jobs?name=sh{r.randrange(SHOTS):03d}_v0"),
    "jobs, name not found": (5, lambda _, __: "/api/jobs?name=nowhere"),
    "jobs, by priority": (
        6,
        lambda r, n: f"/api/jobs?sort=-priority&cursor={_cursor(r.randrange(101), _job(r, n))}",
    ),
    "jobs, by name": (
        6,
        lambda r, n: (
            f"/api/jobs?sort=name&cursor={_cursor(f'sq{r.randrange(40):02d}', _job(r, n))}"
        ),
    ),
    "jobs, by project": (
        6,
        lambda r, n: (
            f"/api/jobs?sort={r.choice(['-', ''])}project"
            f"&cursor={_cursor(f'film {r.randrange(PROJECTS):02d}', _job(r, n))}"
        ),
    ),
    "job": (30, lambda r, n: f"/api/jobs/{_job(r, n)}"),
    "job at work": (10, lambda _, __: "/api/jobs/1"),
    "why": (3, lambda _, __: "/api/jobs/1/why"),
    "frames": (
        15,
        lambda r, n: f"/api/jobs/{_job(r, n)}/units?kind=trial&after={r.randrange(FRAMES_EACH)}",
    ),
    "files": (10, lambda r, n: f"/api/jobs/{_job(r, n)}/files?limit=100"),
    "picture": (20, _picture),
    "progress": (15, lambda r, n: f"/api/render-tasks/task-{_job(r, n)}/progress"),
    "workers": (4, lambda _, __: "/api/workers?limit=100"),
    "workers, busy": (3, lambda _, __: "/api/workers?state=busy&limit=100"),
    "events since": (5, lambda _, __: "/api/events?kind=job"),
    "health": (5, lambda _, __: "/api/health"),
}
"""What is asked for, how often, and by what path."""


def _chooser(jobs: int, seed: int) -> Callable[[], tuple[str, str]]:
    draw = random.Random(seed)
    kinds, weights = list(MIX), [weight for weight, _ in MIX.values()]

    def choose() -> tuple[str, str]:
        [kind] = draw.choices(kinds, weights)
        return kind, MIX[kind][1](draw, jobs)

    return choose


async def _measure(manager: RunningManager, jobs: int, asked: argparse.Namespace) -> dict[str, Any]:
    swarm = Swarm(manager.url, _WORKERS)
    swarm.start()
    await swarm.all_welcomed(_CONNECT_S)
    swarm.work(_WORKERS / asked.round_trips)
    warm_up = Load(manager.url, asked.rate, _chooser(jobs, 0), frozenset({"events since"}))
    await warm_up.run(_WARM_UP_S)
    warm_up.close()
    swarm.tally.latencies_s.clear()
    load = Load(manager.url, asked.rate, _chooser(jobs, 1), frozenset({"events since"}))
    began_cpu = manager.cpu_s()
    await load.run(asked.seconds)
    cpu_s, trips = manager.cpu_s() - began_cpu, list(swarm.tally.latencies_s)
    load.close()
    await swarm.stop()
    every = Measured([s for one in load.measured.values() for s in one.latencies_s])
    every.refused = sum(one.refused for one in load.measured.values())
    return {
        "jobs": jobs,
        "kinds": {kind: _summary(one) for kind, one in {"all": every, **load.measured}.items()},
        "round_trips_per_s": len(trips) / asked.seconds,
        "round_trip_p99_ms": _at(trips, 0.99),
        "manager_cores": cpu_s / asked.seconds,
        "manager_memory_mib": manager.memory_mib(),
    }


def _summary(one: Measured) -> dict[str, Any]:
    times = {f"p{share}_ms": _at(one.latencies_s, share / 100) for share in (50, 95, 99)}
    return {"count": len(one.latencies_s), "not_200": one.refused, **times}


def _at(latencies_s: list[float], share: float) -> float:
    ordered = sorted(latencies_s)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3


def _farm_of(jobs: int, asked: argparse.Namespace) -> dict[str, Any]:
    with running_manager() as manager:
        for units in (1_000_000, FRAMES_EACH):
            settings = {"units": f"1-{units}", "largest_lease": 1}
            body = {
                "kind": "trial",
                "settings": settings,
                "priority": 90 if units > FRAMES_EACH else 1,
            }
            manager.call("POST", "/api/jobs", body)
        fill(manager, jobs)
        return uvloop.run(_measure(manager, jobs, asked))


def _rows(base: dict[str, Any], full: dict[str, Any]) -> list[dict[str, Any]]:
    """For each kind what it takes in a full farm, and beside it in one of two jobs."""
    return [
        {
            "asked for": kind,
            **full["kinds"][kind],
            "base_p50_ms": base["kinds"][kind]["p50_ms"],
            "base_p99_ms": base["kinds"][kind]["p99_ms"],
        }
        for kind in ("all", *MIX)
        if kind in full["kinds"] and kind in base["kinds"]
    ]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000, help="with 100 frames each")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--round-trips", type=float, default=100.0, help="a second, of workers")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    farms = [_farm_of(jobs, asked) for jobs in (_BASE_JOBS, asked.jobs)]
    for farm in farms:
        print({name: value for name, value in farm.items() if name != "kinds"})
    report("reading", _rows(*farms), as_json=asked.json, rate=asked.rate, farms=farms)


if __name__ == "__main__":
    main()
