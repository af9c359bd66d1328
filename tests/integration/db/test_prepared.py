"""Statements that are compiled once and run by the driver itself."""

from __future__ import annotations

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from framefarm.db import Many, Prepared

things = Table(
    "prepared_things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("good", Boolean),
    Column("more", JSON),
)
ONE = Prepared(select(things).where(things.c.id == bindparam("which")))
SOME = Prepared(
    select(things.c.id).where(things.c.id.in_(bindparam("ids", expanding=True))), listed="ids"
)
RENAME = Prepared(
    update(things)
    .where(things.c.id == bindparam("which"), things.c.name.in_(["a", "b"]))
    .values(name=bindparam("to"), good=False)
)
ADD = Many(insert(things), "id", "name")


@pytest.fixture
def connection(engine):
    things.metadata.create_all(engine)
    with engine.begin() as opened:
        opened.execute(insert(things), {"id": 1, "name": "a", "good": True, "more": {"x": [1]}})
        ADD.run(opened, [(n, "b") for n in range(2, 1_501)])
        yield opened


def test_a_row_comes_back_by_names_and_as_python_knows_its_values(connection):
    [row] = ONE.rows(connection, which=1)

    assert (row.id, row.name, row.good, row.more) == (1, "a", True, {"x": [1]})
    assert row.good is True
    assert ONE.rows(connection, which=0) == []


def test_a_change_says_how_many_rows_it_found_and_keeps_its_own_constants(connection):
    assert RENAME.run(connection, which=1, to="z") == 1
    assert RENAME.run(connection, which=1, to="y") == 0

    [row] = ONE.rows(connection, which=1)
    assert (row.name, row.good) == ("z", False)


def test_what_a_change_returns_comes_back(connection):
    marked = Prepared(
        update(things)
        .where(things.c.id == bindparam("which"))
        .values(name="marked")
        .returning(things.c.id, things.c.name)
    )

    assert marked.rows(connection, which=7) == [(7, "marked")]
    assert marked.rows(connection, which=0) == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 511, 512, 513, 1_300])
def test_however_many_are_listed_each_is_found_once(connection, count):
    wanted = list(range(1, count + 1))

    assert sorted(row.id for row in SOME.rows(connection, wanted)) == wanted


def test_nothing_listed_changes_nothing(connection):
    forget = Prepared(
        update(things).where(things.c.id.in_(bindparam("ids", expanding=True))).values(name=None),
        listed="ids",
    )

    assert forget.run(connection, []) == 0
    assert forget.run(connection, list(range(1, 601))) == 600
    assert ONE.rows(connection, which=601)[0].name == "b"


def test_parameters_that_are_missing_or_too_many_are_refused(connection):
    other = Prepared(select(things.c.id).where(things.c.id == bindparam("which")))

    with pytest.raises(ValueError, match="asks for"):
        other.rows(connection)
    with pytest.raises(ValueError, match="asks for"):
        other.rows(connection, which=1, what=2)
    assert other.rows(connection, which=1) == [(1,)]


def test_an_error_of_the_driver_comes_as_everywhere_else(connection):
    with connection.begin_nested(), pytest.raises(IntegrityError):
        ADD.run(connection, [(1, "again")])


def test_a_table_that_is_not_there_is_told_as_an_error_of_the_database(engine):
    missing = Table("prepared_missing", MetaData(), Column("id", Integer))

    with engine.connect() as connection, pytest.raises(DBAPIError):
        Prepared(select(missing)).rows(connection)


def test_it_begins_a_transaction_that_a_rollback_undoes(engine):
    things.metadata.create_all(engine)
    with engine.connect() as connection:
        ADD.run(connection, [(1, "a")])
        assert connection.in_transaction()
        connection.rollback()

        assert ONE.rows(connection, which=1) == []


def test_who_listens_to_statements_hears_these(engine, connection):
    heard: list[str] = []

    def note(*call: object) -> None:
        heard.append(str(call[2]))

    event.listen(engine, "before_cursor_execute", note)
    [row] = ONE.rows(connection, which=1)
    ADD.run(connection, [(2_001, "c"), (2_002, "c")])
    event.remove(engine, "before_cursor_execute", note)
    ONE.rows(connection, which=1)

    assert (row.name, row.good) == ("a", True)
    assert [text.split()[0] for text in heard] == ["SELECT", "INSERT"]
