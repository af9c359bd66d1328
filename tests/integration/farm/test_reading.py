"""What people ask for is read by few statements, and without sorting all there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import Connection, Engine, event, insert

from framefarm.core.requirements import Requirements
from framefarm.db import open_engine, sqlite_url
from framefarm.db import tables as t
from framefarm.db.migrate import migrate
from framefarm.farm.job_pages import JobFilter, Sort, job_page
from framefarm.farm.why import explain
from framefarm.farm.worker_pages import WorkerFilter, worker_page

JOBS = 300
Statement = tuple[str, Any]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(sqlite_url(tmp_path / "farm.db"))
    migrate(made)
    with made.begin() as connection:
        _add_jobs(connection)
    yield made
    made.dispose()


@pytest.fixture
def asked(engine: Engine) -> list[Statement]:
    """Every statement from now on, with its parameters."""
    found: list[Statement] = []
    event.listen(
        engine,
        "before_cursor_execute",
        lambda _, __, said, given, *___: found.append((said, given)),
    )
    return found


def _add_jobs(connection: Connection) -> None:
    same: dict[str, Any] = {"kind": "trial", "priority": 50, "settings": {}}
    job = {**same, "name": "shot", "owner": "ada", "warnings": [], "created_at": 0.0}
    states = ["queued", *["done"] * (JOBS - 1)]
    rows = [{**job, "id": at, "state": state} for at, state in enumerate(states, start=1)]
    connection.execute(insert(t.jobs), rows)
    stage = {**same, "position": 0, "state": "ready", "claimable": True, "largest_lease": 1}
    queue = Requirements(kind="trial").queue
    counts = {"units": "1-3", "total": 3, "pending": 3, "queue": queue}
    connection.execute(insert(t.stages), [{**stage, **counts, "job_id": 1}])


def _add_workers(engine: Engine, count: int) -> None:
    same: dict[str, Any] = {"boot_id": "b", "state": "offline", "agent_version": "0", "tags": []}
    slots = [{"slot": "cpu", "kinds": ["trial"]}]
    worker = {**same, "facts": {}, "slots": slots, "first_seen_at": 0.0, "last_seen_at": 0.0}
    ids = [f"{number:032x}" for number in range(count)]
    rows = [{**worker, "id": one, "name": f"w{one[-4:]}", "key_hash": one} for one in ids]
    with engine.begin() as connection:
        connection.execute(t.workers.delete())
        connection.execute(insert(t.workers), rows)


@pytest.mark.parametrize("wanted", [{}, {"states": ["done"]}, {"owner": "ada"}], ids=str)
def test_newest_jobs_are_found_without_sorting_the_others(
    engine: Engine, asked: list[Statement], wanted: dict[str, Any]
):
    with engine.connect().execution_options(reading=True) as connection:
        rows, _ = job_page(connection, JobFilter(**wanted), limit=10)
        [(said, given)] = asked
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", given)]

    assert [row.id for row in rows] == list(range(JOBS, JOBS - 10, -1))
    assert not any("TEMP B-TREE" in step for step in plan), plan


def plans(engine: Engine, asked: list[Statement], **page: Any) -> tuple[list[Any], Any, list[str]]:
    """Rows of a page of ten jobs, the next cursor, and how SQLite finds them."""
    asked.clear()
    with engine.connect().execution_options(reading=True) as connection:
        rows, cursor = job_page(connection, JobFilter(), limit=10, **page)
        [(said, given)] = asked
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", given)]
    return rows, cursor, plan


@pytest.mark.parametrize("sort", get_args(Sort))
def test_jobs_in_any_order_are_found_without_sorting_the_others(
    engine: Engine, asked: list[Statement], sort: str
):
    rows, cursor, first = plans(engine, asked, sort=sort)
    more, _, second = plans(engine, asked, sort=sort, cursor=str(cursor))

    assert len({row.id for row in (*rows, *more)}) == 20
    for step in (*first, *second):
        assert "TEMP B-TREE" not in step
    # Nor is what comes before a page read.
    assert "SEARCH" in second[0], second


def test_why_asks_the_database_as_often_for_many_workers_as_for_one(
    engine: Engine, asked: list[Statement]
):
    counts = []
    for workers in (1, 60):
        _add_workers(engine, workers)
        asked.clear()
        with engine.connect().execution_options(reading=True) as connection:
            told = explain(connection, 1, {})
        assert len(told.workers) == workers
        counts.append(len(asked))

    assert counts[0] == counts[1]


def test_page_of_workers_reads_a_page_of_them(engine: Engine, asked: list[Statement]):
    _add_workers(engine, 60)
    asked.clear()
    with engine.connect().execution_options(reading=True) as connection:
        first = worker_page(connection, lambda _: None, WorkerFilter(), cursor="", limit=25)
        read = [given for said, given in asked if "FROM workers" in said]
        names, cursor = [one.name for one in first.workers], first.next
        while cursor is not None:
            page = worker_page(connection, lambda _: None, WorkerFilter(), cursor=cursor, limit=25)
            names, cursor = [*names, *(one.name for one in page.workers)], page.next

    [following, whole] = read
    assert 26 in tuple(following)
    assert len(set(whole)) == 26
    assert names == sorted(names)
    assert len(names) == 60


def test_workers_that_nobody_asked_for_are_not_read_whole(engine: Engine, asked: list[Statement]):
    _add_workers(engine, 60)
    wanted = [WorkerFilter(states=frozenset({"busy"})), WorkerFilter(name="nobody's")]
    for one in (*wanted, WorkerFilter(pool="public"), WorkerFilter(tags=frozenset({"fast"}))):
        asked.clear()
        with engine.connect().execution_options(reading=True) as connection:
            page = worker_page(connection, lambda _: None, one, cursor="", limit=25)

        assert not page.workers
        assert not any("workers.facts" in said for said, _ in asked)
