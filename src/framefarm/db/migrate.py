"""Bringing a database to this version's schema."""

from __future__ import annotations

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, insert, inspect, select
from sqlalchemy.schema import CreateIndex, CreateTable

from framefarm.core.errors import FrameFarmError
from framefarm.db.tables import metadata

HEAD = "0009"
"""The newest migration."""

# Alembic's own record of a database's version (alembic.runtime.migration.MigrationContext).
_version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


class SchemaTooNewError(FrameFarmError):
    """A newer FrameFarm has written this database."""

    code = "schema_too_new"


def migrate(engine: Engine) -> None:
    """Create or upgrade the schema; nothing happens when it is up to date.

    An empty database gets the tables as they are now, which is what all migrations make of it (a
    test holds them against each other). Alembic is so imported only when there is something to
    migrate: its 0.2 s would be the longest part of the start of an embedded manager.

    Raises:
        SchemaTooNewError: The database's version is unknown to this FrameFarm.
    """
    with engine.begin() as connection:
        tables = inspect(connection).get_table_names()
        if not tables:
            _create(connection)
            return
        current = _current(connection) if _version.name in tables else None
        if current != HEAD:
            _upgrade(connection, current)


def _create(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table))
        # SQLAlchemy holds them in a set. SQLite decides between equally good ones by their age, so
        # rows would come in another order on another day.
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            connection.execute(CreateIndex(index))
    _version.create(connection)
    connection.execute(insert(_version).values(version_num=HEAD))


def _current(connection: Connection) -> str | None:
    found: str | None = connection.execute(select(_version.c.version_num)).scalar_one_or_none()
    return found


def _upgrade(connection: Connection, current: str | None) -> None:
    from framefarm.db.upgrading import known_revisions, upgrade  # noqa: PLC0415  slow to import

    if current is not None and current not in known_revisions():
        raise SchemaTooNewError(
            f"The database has schema {current}, which this FrameFarm does not know. "
            "It was written by a newer version: install that one, or restore a backup."
        )
    upgrade(connection)
