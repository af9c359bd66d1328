"""What is kept as JSON comes back as it was, also what JSON has no word for."""

from __future__ import annotations

import math

import pytest
from sqlalchemy import JSON, Column, Engine, Integer, MetaData, Table, insert, select

from framefarm.db import Prepared

things = Table(
    "json_things", MetaData(), Column("id", Integer, primary_key=True), Column("value", JSON)
)
ALL = select(things.c.value).order_by(things.c.id)
PREPARED = Prepared(ALL)


@pytest.mark.parametrize(
    "value",
    [
        *(
            [],
            {},
            "",
            "ünï 🎬",
            "a\x00b",
            "half \ud83d",
            0,
            -1,
            1.5,
            1e300,
            {"x": 10**30},
            True,
            False,
            None,
        ),
        *({"a": [1, {"b": None}]}, [math.inf, -math.inf], {"deep": [[[[["x"]]]]]}),
    ],
)
def test_comes_back_as_it_was(engine: Engine, value: object):
    things.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(things), {"id": 1, "value": value})

        [row] = connection.execute(ALL)
        [prepared] = PREPARED.rows(connection)

    assert row.value == prepared.value == value
    assert type(row.value) is type(value)


def test_what_is_no_number_comes_back_as_that(engine: Engine):
    things.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(things), {"id": 1, "value": {"x": math.nan}})

        [row] = connection.execute(ALL)

    assert math.isnan(row.value["x"])
