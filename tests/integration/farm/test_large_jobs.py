"""A job costs as much as the work done, not as much as the work asked for."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text

from framefarm.db import tables as t
from framefarm.farm.invariants import check_invariants
from tests.integration.farm.bench import Bench, ask

MILLION = "1-1000000"


@pytest.mark.parametrize("order", ["sequential", "spread"])
def test_a_million_units_are_a_few_rows_and_under_a_mebibyte(bench: Bench, order: str):
    statements = bench.count_statements()
    job = bench.trial(MILLION, order=order)
    asked = statements.count

    bench.do(lambda c: c.execute(text("SELECT 1")))
    with bench.engine.connect() as connection:
        rows = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in t.metadata.sorted_tables
        }
        connection.rollback()
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert bench.stage(job).total == 1_000_000
    assert rows["spans"] <= 6
    assert sum(rows.values()) <= 9
    assert bench.path.stat().st_size <= 1 << 20
    assert asked <= 6


def test_a_film_of_a_million_frames_is_a_few_rows_too(bench: Bench):
    job = bench.film(MILLION, segment=48)

    assert [bench.stage(job, at).total for at in range(3)] == [1_000_000, 20_834, 1]
    assert len(bench.rows(t.spans)) == 1


def test_leases_and_results_of_a_million_units_cost_what_they_do_elsewhere(bench: Bench):
    job = bench.trial(MILLION, order="spread")
    leases = [lease for lease in bench.claims([ask(f"w{n}") for n in range(200)]) if lease]
    bench.finishes([bench.result(lease, files=()) for lease in leases])
    for lease in bench.claims([ask("w1", seconds_per_unit={bench.stage(job).id: 0.03})] * 20):
        assert lease is not None
        bench.release(lease)

    assert bench.stage(job).done == 200
    with bench.engine.connect() as connection:
        assert check_invariants(connection) == []
