"""Running the migrations one after the other. Slow to import: only for a database that needs it."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "framefarm.db:migrations")
    return config


def known_revisions() -> list[str]:
    """All versions of the schema that this FrameFarm knows, newest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema, whichever older version it has, to another; by default the newest."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
