"""Bringing a database to this version's schema."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from framefarm.core.requirements import Requirements, requirements_of
from framefarm.db import SchemaTooNewError, migrate, open_engine, sqlite_url
from framefarm.db.migrate import HEAD
from framefarm.db.tables import metadata
from framefarm.db.upgrading import known_revisions, upgrade
from framefarm.farm.invariants import check_invariants


@pytest.fixture
def empty(tmp_path: Path):
    made = open_engine(sqlite_url(tmp_path / "empty.db"))
    yield made
    made.dispose()


def schema(engine: Engine) -> dict[str, object]:
    """Everything SQLAlchemy can read of a schema, but alembic's own table."""
    found = inspect(engine)
    return {
        table: {
            "columns": {
                column["name"]: (
                    str(column["type"]),
                    column["nullable"],
                    column["default"],
                    column["primary_key"],
                )
                for column in found.get_columns(table)
            },
            "primary key": found.get_pk_constraint(table)["constrained_columns"],
            "foreign keys": sorted(map(repr, found.get_foreign_keys(table))),
            "indexes": sorted(map(told, found.get_indexes(table))),
            "unique": sorted(map(repr, found.get_unique_constraints(table))),
            "checks": sorted(one["name"] or "" for one in found.get_check_constraints(table)),
        }
        for table in found.get_table_names()
        if table not in {"alembic_version", "sqlite_sequence"}
    }


def told(index: Mapping[str, Any]) -> str:
    """An index with the words of its condition, which has none of its own to compare."""
    where = {name: str(value) for name, value in index["dialect_options"].items()}
    return repr({**index, "dialect_options": where})


def options(engine: Engine) -> dict[str, tuple[bool, bool]]:
    """Whether each table is WITHOUT ROWID and AUTOINCREMENT, which reflection does not tell."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type='table'"))
        return {
            name: ("WITHOUT ROWID" in sql, "AUTOINCREMENT" in sql)
            for name, sql in rows
            if name != "alembic_version" and not name.startswith("sqlite_")
        }


def test_a_migrated_database_is_the_fresh_one(empty: Engine, tmp_path: Path):
    with empty.begin() as connection:
        upgrade(connection)
    fresh = open_engine(sqlite_url(tmp_path / "fresh.db"))
    migrate(fresh)

    assert schema(empty) == schema(fresh)
    assert options(empty) == options(fresh)
    for engine in (empty, fresh):
        with engine.connect() as connection:
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, metadata) == []
            assert context.get_current_revision() == HEAD == known_revisions()[0]
    fresh.dispose()


def test_a_farm_of_the_first_version_keeps_everything_when_it_is_migrated(empty: Engine):
    with empty.begin() as connection:
        upgrade(connection, "0001")
        for statement in FIRST_FARM:
            connection.execute(text(statement))

    migrate(empty)

    with empty.connect() as connection:
        assert check_invariants(connection) == []
        queue, lease = (
            connection.execute(text(f"SELECT {what}")).one()
            for what in ("queue, blender FROM stages", "attempt, next_attempt, tail FROM leases")
        )
        assert requirements_of(queue.queue) == Requirements("render", "5.0")
        assert tuple(lease) == (2, 3, False)
        counts = [
            connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
            for table in (
                "jobs",
                "stages",
                "spans",
                "leases",
                "results",
                "files",
                "faults",
                "workers",
            )
        ]
        assert counts == [1] * 8


def test_projects_and_shots_are_made_of_what_jobs_said_before(empty: Engine):
    with empty.begin() as connection:
        upgrade(connection, "0003")
        for number, (project, shot, owner) in enumerate(SAID_BEFORE, start=1):
            connection.execute(
                text(
                    "INSERT INTO jobs (id, name, kind, priority, state, warnings, settings, owner,"
                    " created_at, project, shot)"
                    " VALUES (:id, 'j', 'render', 50, 'done', '[]', '{}', :owner, :id, :project,"
                    " :shot)"
                ),
                {"id": number, "project": project, "shot": shot, "owner": owner},
            )

    migrate(empty)

    with empty.connect() as connection:
        assert check_invariants(connection) == []
        jobs = connection.execute(
            text(
                "SELECT jobs.project AS said, projects.name AS project, shots.name AS shot,"
                " version FROM jobs LEFT JOIN projects ON projects.id = jobs.project_id"
                " LEFT JOIN shots ON shots.id = shot_id ORDER BY jobs.id"
            )
        ).all()
        shots = connection.execute(
            text("SELECT name, created_by, last_version, status, created_at FROM shots ORDER BY id")
        ).all()
    assert list(map(tuple, jobs)) == [
        ("Film", "Film", "010", 1),
        ("film", "Film", "010", 2),
        ("a/b", "a_b", "_con", 1),
        ("Film", "Film", None, None),
        ("", None, None, None),
        ("Film", "Film", "010", 3),
    ]
    assert list(map(tuple, shots)) == [
        ("010", "ada", 3, "waiting", 1.0),
        ("_con", "", 1, "waiting", 3.0),
    ]


SAID_BEFORE = (
    ("Film", "010", "ada"),
    ("film", "010", "bob"),
    ("a/b", "con", ""),
    ("Film", "", "ada"),
    ("", "010", "ada"),
    ("Film", "010", "ada"),
)


FIRST_FARM = (
    (
        "INSERT INTO jobs (id, name, kind, priority, state, warnings, settings, created_at)"
        " VALUES (1, 'film', 'render', 50, 'running', '[]', '{}', 1.0)"
    ),
    (
        "INSERT INTO stages (id, job_id, position, kind, state, priority, claimable, largest_lease,"
        " blender, wanted_blender, units, settings, total, pending, leased, done, seconds)"
        " VALUES (1, 1, 0, 'render', 'ready', 50, 1, 9, '5.0', '5.0', '1-4', '{}', 4, 2, 1, 1, 2.0)"
    ),
    "INSERT INTO spans VALUES (1, 1, 1, 3, 4, 1, 1)",
    "INSERT INTO leases VALUES ('a', 1, 'w', 'cpu', 2, '2', 'active', 1.0, 9.0)",
    "INSERT INTO results VALUES (1, 1, 'b', 1, 'w', 'accepted', 1.0, 2.0, 0, 'CPU', '5.0.1', '')",
    "INSERT INTO files VALUES (1, 1, 0, '0001.png', 'image', 'c', 3)",
    (
        "INSERT INTO faults (stage_id, unit, attempt, worker_id, reason, message, log_tail, final,"
        " at) VALUES (1, 2, 1, 'w', 'lost', 'it was lost', '', 0, 1.0)"
    ),
    "INSERT INTO workers VALUES ('w', 'ants', 'd', 'boot', 'idle', '0', '{}', '[]', 1.0, 1.0)",
)


def test_indexes_are_made_in_one_order_lest_rows_come_in_another(empty: Engine):
    # SQLite decides between equally good indexes by their age.
    migrate(empty)

    with empty.connect() as connection:
        made = connection.execute(
            text("SELECT tbl_name, name FROM sqlite_master WHERE type='index' AND sql > ''")
        ).all()
    for table in metadata.sorted_tables:
        names = [index for of, index in made if of == table.name]
        assert names == sorted(names)


def test_migrating_again_changes_nothing(empty: Engine):
    migrate(empty)
    with empty.begin() as connection:
        connection.execute(text("INSERT INTO meta VALUES ('epoch', 'kept')"))
    before = schema(empty)

    migrate(empty)

    assert schema(empty) == before
    with empty.connect() as connection:
        assert connection.execute(text("SELECT value FROM meta")).scalar_one() == "kept"


def test_a_newer_database_is_refused_and_left_alone(empty: Engine):
    migrate(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaTooNewError, match=r"schema 9999.*newer version"):
        migrate(empty)

    with empty.connect() as connection:
        version = connection.execute(text("SELECT version_num FROM alembic_version"))
        assert version.scalar_one() == "9999"


def test_a_migration_that_fails_leaves_nothing_half_made(empty: Engine, monkeypatch):
    from alembic import op  # noqa: PLC0415

    create, made = op.create_table, []
    with empty.begin() as connection:  # not empty, so that it is migrated
        connection.execute(text("CREATE TABLE other (id INTEGER)"))

    def fail_at_the_third(name, *columns, **table_options):
        made.append(name)
        if len(made) == 3:
            raise OSError("the disk is full")
        return create(name, *columns, **table_options)

    with monkeypatch.context() as patched:
        patched.setattr(op, "create_table", fail_at_the_third)
        with pytest.raises(OSError, match="disk is full"):
            migrate(empty)

    assert inspect(empty).get_table_names() == ["other"]
    migrate(empty)
    assert "leases" in inspect(empty).get_table_names()


def test_commits_are_durable_and_foreign_keys_hold(empty: Engine):
    with empty.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
