"""A deleted job is gone at once; its rows follow, a few in each write."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from framefarm.db import tables as t
from framefarm.farm.deleting import remove_leftovers
from framefarm.farm.invariants import check_invariants
from tests.integration.farm.bench import Bench

GROWING = (t.files, t.results, t.faults)

KILLED_IN_THE_MIDDLE = """
import os, sys
from pathlib import Path
from sqlalchemy import event
from framefarm.db import open_engine, sqlite_url
from framefarm.farm.deleting import remove_leftovers

engine = open_engine(sqlite_url(Path(sys.argv[1])))
with engine.begin() as connection:
    remove_leftovers(connection, 2)
deletes = 0

@event.listens_for(engine, "after_cursor_execute")
def die(conn, cursor, statement, *_):
    global deletes
    deletes += statement.startswith("DELETE")
    if deletes == 2:
        os._exit(9)

with engine.begin() as connection:
    remove_leftovers(connection, 2)
"""


def rows(bench: Bench) -> dict[str, int]:
    return {table.name: len(bench.rows(table)) for table in GROWING}


def worked_off(bench: Bench, frames: str = "1-10") -> int:
    """A film that is done, one frame of which went wrong at first."""
    job = bench.film(frames, segment=5)
    bench.fail(bench.take("w2"))
    bench.work_off()
    assert bench.job(job).state == "done"
    return job


def test_a_deleted_jobs_rows_go_a_few_at_a_time(bench: Bench):
    job, other = worked_off(bench), worked_off(bench)
    stays = rows(bench)
    bench.delete(job)
    assert rows(bench) == stays, "it must not take long"
    bench.check()

    while bench.do(remove_leftovers, 2):
        before, stays = stays, rows(bench)
        assert all(before[name] - stays[name] <= 2 for name in stays)
        bench.check()

    assert rows(bench) == {"files": 13, "results": 13, "faults": 1}
    assert bench.rows(t.leftovers) == []
    assert bench.stage(other).done == 10


def test_files_and_results_of_a_unit_go_together(bench: Bench):
    job = worked_off(bench)
    first = bench.stage(job).id
    more = {"stage_id": first, "role": "layer", "sha256": "0" * 64, "size_bytes": 1}

    def add_layers(connection: Connection) -> None:
        layers: list[dict[str, Any]] = [
            {**more, "unit": unit, "position": at, "name": f"{unit}.{at}"}
            for unit in range(1, 11)
            for at in range(1, 6)
        ]
        connection.execute(insert(t.files), layers)

    bench.do(add_layers)
    bench.delete(job)

    while bench.do(remove_leftovers, 7):
        bench.check()
    assert set(rows(bench).values()) == {0}


def test_a_manager_that_is_killed_while_it_clears_away_goes_on_later(bench: Bench):
    bench.delete(worked_off(bench))
    before = rows(bench)

    command = [sys.executable, "-c", KILLED_IN_THE_MIDDLE, str(bench.path)]
    assert subprocess.run(command, check=False).returncode == 9

    # The first piece is gone for good, and nothing of the one that it was killed in.
    left = rows(bench)
    assert (left["files"], left["results"]) == (before["files"] - 2, before["results"] - 2)
    bench.check()
    bench.clear_away()
    assert set(rows(bench).values()) == {0}


def test_there_is_nothing_to_clear_away_without_deleted_jobs(bench: Bench):
    worked_off(bench)
    before = rows(bench)

    assert not bench.do(remove_leftovers)

    assert rows(bench) == before


@pytest.mark.parametrize("table", GROWING, ids=lambda table: table.name)
def test_rows_that_no_stage_and_no_deletion_accounts_for_are_found(bench: Bench, table: Any):
    bench.delete(worked_off(bench))
    bench.do(lambda c: c.execute(t.leftovers.delete()))

    with bench.engine.connect().execution_options(reading=True) as connection:
        found = check_invariants(connection)

    assert any(fault.startswith(f"{table.name} has rows of stage 1,") for fault in found)
    for one in GROWING:
        bench.do(lambda c, one=one: c.execute(one.delete()))


def test_a_stage_that_is_there_is_not_to_be_cleared_away(bench: Bench):
    job = worked_off(bench)
    row = {"stage_id": bench.stage(job).id}
    bench.do(lambda c: c.execute(insert(t.leftovers).values(**row)))

    with bench.engine.connect().execution_options(reading=True) as connection:
        assert check_invariants(connection) == [
            f"stage {row['stage_id']} is there, and is to be cleared away as deleted"
        ]
    bench.do(lambda c: c.execute(t.leftovers.delete()))
