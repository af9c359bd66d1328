"""What it takes to decide what shots show, each time somebody asks.

Ten projects with 2,000 shots of ten finished versions each, and one shot with 200 versions, the
first of a million frames and the others of some frames of it, are written straight into a database.
Then the functions behind `/api/projects` and `/api/shots` are run on it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert

from benchmarks.reporting import report
from framefarm.db import migrate, open_engine, sqlite_url
from framefarm.db import tables as t
from framefarm.farm.projects import PlaceFilter, project_page
from framefarm.farm.shot_versions import shot_frames, version_page
from framefarm.farm.shots import ShotFilter, shot_page

PROJECTS, SHOTS, VERSIONS, OWNERS = 10, 2_000, 10, 20
MANY = 200
LARGE = SHOTS + 1

Ask = Callable[[Connection], object]
ASKED: dict[str, Ask] = {
    "500 of 2,001 shots": lambda c: shot_page(c, ShotFilter(), limit=500),
    "500 shots, an artist": lambda c: shot_page(c, ShotFilter(seen_by="artist1"), limit=500),
    "projects": lambda c: project_page(c, PlaceFilter(), limit=500),
    "projects, an artist": lambda c: project_page(c, PlaceFilter(seen_by="artist1"), limit=500),
    "frames of 10 versions": lambda c: shot_frames(c, 5),
    "frames of 200 versions of 1,000,000": lambda c: shot_frames(c, LARGE),
    "200 versions, listed": lambda c: version_page(c, LARGE, limit=MANY),
}


def fill(engine: Engine) -> None:
    """Write projects, shots and the jobs that are their versions."""
    named = {"status": "active", "created_at": 1.0}
    projects = [{"name": f"p{n}", "name_key": f"p{n}", **named} for n in range(PROJECTS)]
    shots = [
        {
            "project_id": 1 + number % PROJECTS,
            "name": f"{number:05}",
            "name_key": f"{number:05}",
            "status": "waiting",
            "created_at": 1.0,
            "last_version": MANY if number + 1 == LARGE else VERSIONS,
        }
        for number in range(LARGE)
    ]
    jobs, stages = zip(*_versions(), strict=True)
    with engine.begin() as connection:
        for table, rows in (
            (t.projects, projects),
            (t.shots, shots),
            (t.jobs, list(jobs)),
            (t.stages, list(stages)),
        ):
            connection.execute(insert(table), rows)


def _versions() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    number = 0
    for shot in range(1, LARGE + 1):
        for version in range(1, (MANY if shot == LARGE else VERSIONS) + 1):
            number += 1
            units = "1001-1100"
            if shot == LARGE:
                first = 37 * version
                units = "1-1000000" if version == 1 else f"{first}-{first + 20}x2"
            yield _job(number, shot, version), _stage(number, units)


def _job(number: int, shot: int, version: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": "job",
        "project_id": 1 + (shot - 1) % PROJECTS,
        "shot_id": shot,
        "version": version,
        "kind": "render",
        "priority": 50,
        "state": "done",
        "warnings": [],
        "settings": {},
        "owner": f"artist{shot % OWNERS}",
        "created_at": 1.0,
    }


def _stage(job: int, units: str) -> dict[str, Any]:
    counts = {"total": 100, "pending": 0, "done": 100}
    made = {"job_id": job, "position": 0, "kind": "render", "state": "done", "priority": 50}
    return {
        **made,
        **counts,
        "claimable": False,
        "largest_lease": 1,
        "units": units,
        "settings": {},
    }


def measure(engine: Engine, ask: Ask, rounds: int) -> list[float]:
    """Milliseconds that a read takes, each on a connection of its own."""
    taken = []
    for _ in range(rounds):
        with engine.connect().execution_options(reading=True) as connection:
            began = time.perf_counter()
            ask(connection)
            taken.append(1_000 * (time.perf_counter() - began))
    return taken


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(sqlite_url(Path(folder) / "farm.db"))
        migrate(engine)
        fill(engine)
        rows = [
            {"read": name, "median ms": statistics.median(taken), "longest ms": max(taken)}
            for name, ask in ASKED.items()
            for taken in [measure(engine, ask, asked.rounds)]
        ]
        engine.dispose()
    report("shots", rows, as_json=asked.json, rounds=asked.rounds)


if __name__ == "__main__":
    main()
