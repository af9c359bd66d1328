"""Running a statement's text by the driver itself, past what SQLAlchemy does around each statement.

`Connection.execute` takes 35 to 60 microseconds around the 2 to 7 that SQLite takes for one row,
and there are 17 statements to a group of results and claims. Errors come as everywhere else, and
while somebody listens to the engine's statements, they go the ordinary way, so that all are heard.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter, methodcaller
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

_ROWS = methodcaller("fetchall")
_COUNT = attrgetter("rowcount")


def fetch(connection: Connection, text: str, values: Any) -> list[tuple[Any, ...]]:
    """Run a statement that gives rows.

    Args:
        connection: Begins a transaction when it is in none.
        text: In the driver's own words.
        values: What the driver takes for one row of parameters.

    Raises:
        DBAPIError: The database refused it, or could not be reached.
    """
    if _heard(connection):
        return [tuple(row) for row in connection.exec_driver_sql(text, values)]
    found: list[tuple[Any, ...]] = _run(connection, text, values, _ROWS)
    return found


def change(connection: Connection, text: str, values: Any, *, many: bool = False) -> int:
    """Run a statement that changes rows; returns how many it found.

    Args:
        connection: Begins a transaction when it is in none.
        text: In the driver's own words.
        values: What the driver takes for one row of parameters, or with `many` a list of them.

    Raises:
        DBAPIError: The database refused it, or could not be reached.
    """
    if _heard(connection):
        return connection.exec_driver_sql(text, values).rowcount
    found: int = _run(connection, text, values, _COUNT, many=many)
    return found


def _run(
    connection: Connection,
    text: str,
    values: Any,
    take: Callable[[Any], Any],
    *,
    many: bool = False,
) -> Any:
    """Run a statement; returns what is taken of its cursor."""
    cursor = _cursor(connection)
    try:
        if many:
            cursor.executemany(text, values)
        else:
            cursor.execute(text, values)
        return take(cursor)
    except Exception as error:
        _translate(connection, error, text, values)
        raise
    finally:
        cursor.close()


def _heard(connection: Connection) -> bool:
    heard = connection.engine.dispatch
    return bool(heard.before_cursor_execute) or bool(heard.after_cursor_execute)


def _cursor(connection: Connection) -> Any:
    if not connection.in_transaction():
        connection.begin()
    return connection.connection.cursor()


def _translate(connection: Connection, error: Exception, text: str, values: Any) -> None:
    """Raise a driver's error as SQLAlchemy does; others are left to the caller."""
    dialect = connection.dialect
    base = dialect.loaded_dbapi.Error
    if not isinstance(error, base):
        return
    if dialect.is_disconnect(error, connection.connection.dbapi_connection, None):
        connection.invalidate(error)
    raise DBAPIError.instance(text, values, error, base, dialect=dialect) from error
