"""Opening a database, and asking it for the time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from framefarm.db import driver

_NOW = {
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())::double precision",
}


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite database file."""
    return f"sqlite:///{path}"


def open_engine(url: str) -> Engine:
    """Connect to SQLite or PostgreSQL.

    SQLite runs in WAL mode with `synchronous=FULL`: a commit that was answered survives a power
    cut. Transactions that write begin with `BEGIN IMMEDIATE`, so none fails half-way on a lock.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, json_deserializer=_from_json)
    sqlite = parsed.set(drivername="sqlite+framefarm")
    engine = create_engine(sqlite, json_deserializer=_from_json)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "checkin", _forget_reading)
    return engine


def _from_json(text: str) -> Any:
    """A JSON column's value, as `json.loads` reads it and in a tenth of its time.

    A list of jobs has three for each, most of them empty.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return json.loads(text)  # NaN, 1e999 and half surrogates, which it writes as well


class SqliteDialect(SQLiteDialect_pysqlite):
    """SQLite whose transactions begin when they are said to, and those that write with a lock.

    The usual way is an event at each `begin`. But an engine with one such event looks for listeners
    at each statement: a twentieth of the manager's time for writing.
    """

    supports_statement_cache = True

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begin to read, or to write, which waits for whoever else writes."""
        reading = dbapi_connection.info.get("reading", False)
        dbapi_connection.driver_connection.execute("BEGIN" if reading else "BEGIN IMMEDIATE")

    def set_connection_execution_options(
        self, connection: Connection, opts: Mapping[str, Any]
    ) -> None:
        """Note on a connection that it is only for reading, until it returns to the pool."""
        super().set_connection_execution_options(connection, opts)
        if "reading" in opts:
            connection.info["reading"] = opts["reading"]


registry.register("sqlite.framefarm", __name__, SqliteDialect.__name__)


def _forget_reading(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.info.pop("reading", None)


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    # The dialect then begins transactions itself; the driver's own legacy behaviour would begin
    # them late and never for SELECT or savepoints.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=10000",
        "cache_size=-32000",
        "temp_store=MEMORY",
        # 32 MiB of log, 1,000 pages by default: with 10,000 workers that was a checkpoint, which
        # waits for the disk once more, at every sixth commit (ADR 0011).
        "wal_autocheckpoint=8000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def transaction_undone(connection: Connection) -> bool:
    """Whether the database has undone the whole transaction by itself.

    SQLite does on a full disk and on errors of reading or writing ("Response To Errors Within A
    Transaction" in its documentation); statements that follow would be in none. PostgreSQL refuses
    them instead.
    """
    driver = connection.connection.driver_connection
    return isinstance(driver, sqlite3.Connection) and not driver.in_transaction


def set_clock(engine: Engine, clock: Callable[[Connection], float] | None) -> None:
    """Let `database_now` tell what a function says; None gives the database its own clock back.

    For tests and simulations, which cannot wait for a day to pass.
    """
    engine.update_execution_options(clock=clock)


def database_now(connection: Connection) -> float:
    """The database's time, seconds since 1970 UTC: the only clock leases know (L1)."""
    clock: Callable[[Connection], float] | None = connection.get_execution_options().get("clock")
    if clock is not None:
        return clock(connection)
    [[now]] = driver.fetch(connection, _NOW[connection.dialect.name], ())
    return float(now)
