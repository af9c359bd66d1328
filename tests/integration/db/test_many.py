"""One statement for many rows."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, select, update

from framefarm.db import Many

things = Table(
    "things", MetaData(), Column("id", Integer, primary_key=True), Column("name", String)
)


@pytest.fixture
def connection(engine):
    things.metadata.create_all(engine)
    with engine.begin() as opened:
        yield opened


def rows(connection):
    return [tuple(row) for row in connection.execute(select(things).order_by(things.c.id))]


def test_rows_are_inserted_by_position(connection):
    assert Many(things.insert(), "id", "name").run(connection, [(1, "a"), (2, None)]) == 2
    assert rows(connection) == [(1, "a"), (2, None)]


def test_names_may_come_in_any_order(connection):
    Many(things.insert(), "name", "id").run(connection, [("a", 1), ("b", 2)])

    assert rows(connection) == [(1, "a"), (2, "b")]


def test_it_says_how_many_rows_it_found(connection):
    Many(things.insert(), "id", "name").run(connection, [(1, "a"), (2, "b")])
    rename = Many(
        update(things).where(things.c.id == bindparam("which")).values(name=bindparam("to")),
        "which",
        "to",
    )

    assert rename.run(connection, [(1, "x"), (9, "y")]) == 1
    assert rename.run(connection, []) == 0
    assert rows(connection) == [(1, "x"), (2, "b")]


def test_a_statement_with_other_parameters_is_refused(connection):
    constant = update(things).where(things.c.id == bindparam("which")).values(name="fixed")

    with pytest.raises(ValueError, match="other parameters"):
        Many(constant, "which").run(connection, [(1,)])
