"""Bringing a database to this version's schema."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from framefarm.core.errors import FrameFarmError


class SchemaTooNewError(FrameFarmError):
    """A newer FrameFarm has written this database."""

    code = "schema_too_new"


def migrate(engine: Engine) -> None:
    """Create or upgrade the schema; nothing happens when it is up to date.

    Raises:
        SchemaTooNewError: The database's version is unknown to this FrameFarm.
    """
    config = Config()
    config.set_main_option("script_location", "framefarm.db:migrations")
    scripts = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == scripts.get_current_head():
            return
        if current is not None and current not in {s.revision for s in scripts.walk_revisions()}:
            raise SchemaTooNewError(
                f"The database has schema {current}, which this FrameFarm does not know. "
                "It was written by a newer version: install that one, or restore a backup."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
