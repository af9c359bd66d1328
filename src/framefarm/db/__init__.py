"""The database: tables, migrations, and the group-commit writer that does all writing."""

from framefarm.db.engine import database_now, open_engine, set_clock, sqlite_url
from framefarm.db.many import Many
from framefarm.db.migrate import SchemaTooNewError, migrate
from framefarm.db.prepared import Prepared
from framefarm.db.writer import (
    DatabaseError,
    GroupCommitWriter,
    Handler,
    WriterBusyError,
    WriterClosedError,
    database_error,
    nothing_else,
)

__all__ = [
    "DatabaseError",
    "GroupCommitWriter",
    "Handler",
    "Many",
    "Prepared",
    "SchemaTooNewError",
    "WriterBusyError",
    "WriterClosedError",
    "database_error",
    "database_now",
    "migrate",
    "nothing_else",
    "open_engine",
    "set_clock",
    "sqlite_url",
]
