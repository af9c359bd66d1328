"""The database's clock, and another in its place."""

from __future__ import annotations

from sqlalchemy import Engine

from framefarm.db import database_now, set_clock


def test_the_clock_can_be_set_and_given_back(engine: Engine):
    def now() -> float:
        with engine.begin() as connection:
            return database_now(connection)

    before = now()
    set_clock(engine, lambda _: 86_400.0)
    assert now() == 86_400.0
    set_clock(engine, None)
    assert now() >= before > 1e9


def test_a_clock_may_read_the_database(engine: Engine):
    set_clock(engine, lambda c: float(c.exec_driver_sql("SELECT 40 + 2").scalar_one()))

    with engine.begin() as connection:
        assert database_now(connection) == 42.0
