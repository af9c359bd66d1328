"""The real database layer on SQLite in memory, with faults and a record of what changes.

Triggers note what each committed transaction did, so that checks look only at what has changed, and
only when something has. They are part of the transaction: what is rolled back is not noted.
"""

from __future__ import annotations

import contextlib
import functools
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from framefarm.db import migrate, open_engine, set_clock

from .clock import DatabaseClock
from .engine import KeptConnection


class SimulatedCrashError(Exception):
    """The manager died in the middle of a statement: nothing it does has an effect any more.

    Not a `BaseException`: after one of those SQLAlchemy closes the connection, and with it a
    database in memory. So the dead may catch it and go on, but every statement says it again.
    """


class Note(NamedTuple):
    """One thing that a transaction did.

    `leased`, `tail`, `ended`, `done`, `forgot`, `fault` (its worker's; one that stalled has rested
    for minutes, so it is none) or `failed`.
    """

    kind: str
    stage: int
    text: str
    worker: str
    attempt: int


@dataclass
class Changes:
    """What transactions changed since it was asked the last time."""

    stages: set[int] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)


@dataclass(frozen=True)
class Armed:
    """Faults of the database.

    Attributes:
        down: Nothing can be read or written.
        full: Nothing can be written.
        crash_in: The manager dies at this many statements or commits from now.
        crashed: It did; whatever the dead does has no effect.
    """

    down: bool = False
    full: bool = False
    crash_in: int | None = None
    crashed: bool = False


_TRIGGERS = """
CREATE TEMP TABLE touched (stage INTEGER PRIMARY KEY);
CREATE TEMP TABLE notes (
  number INTEGER PRIMARY KEY, kind TEXT, stage INTEGER, text TEXT, worker TEXT, attempt INTEGER);
CREATE TEMP TRIGGER leased AFTER INSERT ON main.leases BEGIN
  INSERT OR IGNORE INTO touched VALUES (NEW.stage_id);
  INSERT INTO notes (kind, stage, text, worker, attempt)
  VALUES (CASE WHEN NEW.tail THEN 'tail' ELSE 'leased' END, NEW.stage_id,
          NEW.id || ' ' || NEW.units, NEW.worker_id, NEW.attempt); END;
CREATE TEMP TRIGGER ended AFTER UPDATE OF state ON main.leases
  WHEN NEW.state <> OLD.state BEGIN
  INSERT OR IGNORE INTO touched VALUES (NEW.stage_id);
  INSERT INTO notes (kind, stage, text, worker, attempt)
  VALUES ('ended', NEW.stage_id, NEW.id || ' ' || NEW.units, NEW.worker_id, NEW.attempt); END;
CREATE TEMP TRIGGER shrunk AFTER UPDATE OF units ON main.leases BEGIN
  INSERT OR IGNORE INTO touched VALUES (NEW.stage_id); END;
CREATE TEMP TRIGGER emptied AFTER DELETE ON main.leases BEGIN
  INSERT OR IGNORE INTO touched VALUES (OLD.stage_id); END;
CREATE TEMP TRIGGER used_up AFTER DELETE ON main.leases WHEN OLD.state = 'active' BEGIN
  INSERT INTO notes (kind, stage, text, worker, attempt)
  VALUES ('ended', OLD.stage_id, OLD.id || ' ' || OLD.units, OLD.worker_id, OLD.attempt); END;
CREATE TEMP TRIGGER done AFTER INSERT ON main.results BEGIN
  INSERT OR IGNORE INTO touched VALUES (NEW.stage_id);
  INSERT INTO notes (kind, stage, text, worker, attempt)
  VALUES ('done', NEW.stage_id, NEW.lease_id || ' ' || NEW.unit, NEW.worker_id, NEW.attempt); END;
CREATE TEMP TRIGGER forgot AFTER DELETE ON main.results BEGIN
  INSERT OR IGNORE INTO touched VALUES (OLD.stage_id);
  INSERT INTO notes (kind, stage, text, worker, attempt)
  VALUES ('forgot', OLD.stage_id, OLD.lease_id || ' ' || OLD.unit, OLD.worker_id, OLD.attempt); END;
CREATE TEMP TRIGGER fault AFTER INSERT ON main.faults
  WHEN NEW.reason NOT IN ('lost', 'killed', 'stalled') BEGIN
  INSERT INTO notes (kind, stage, text, worker, attempt)
  VALUES ('fault', NEW.stage_id, NEW.unit, NEW.worker_id, NEW.attempt); END;
CREATE TEMP TRIGGER failed AFTER INSERT ON main.faults WHEN NEW.final BEGIN
  INSERT OR IGNORE INTO touched VALUES (NEW.stage_id);
  INSERT INTO notes (kind, stage, text, worker, attempt)
  VALUES ('failed', NEW.stage_id, NEW.unit, NEW.worker_id, NEW.attempt); END;
"""
_PLAIN = """
CREATE TEMP TRIGGER {table}_{verb} AFTER {verb} ON main.{table} BEGIN
  INSERT OR IGNORE INTO touched VALUES ({row}.{column}); END;
"""
_WATCHED = {"spans": "stage_id", "faults": "stage_id", "inputs": "stage_id", "stages": "id"}
_JOB_MOVED = """
CREATE TEMP TRIGGER moved AFTER UPDATE OF state ON main.jobs BEGIN
  INSERT OR IGNORE INTO touched SELECT id FROM main.stages WHERE job_id = NEW.id; END;
"""


@functools.cache
def _engine() -> Engine:
    """The engine of all simulations of this process, so that statements are compiled only once."""
    engine = open_engine("sqlite://")
    # A manager that stops closes its database; this one has to be there for the next.
    engine.dispose = lambda close=True: None  # type: ignore[method-assign]  # noqa: ARG005
    return engine


@functools.cache
def _schema() -> sqlite3.Connection:
    """An empty database: copying it takes a tenth of the time that making one takes."""
    engine = _empty_engine()
    migrate(engine)
    made = sqlite3.connect(":memory:")
    _driver(engine).backup(made)
    return made


def _empty_engine() -> Engine:
    engine = _engine()
    Engine.dispose(engine)
    return engine


def _driver(engine: Engine) -> sqlite3.Connection:
    with contextlib.closing(engine.raw_connection()) as connection:
        return cast("sqlite3.Connection", connection.driver_connection)


class Database:
    """One database that outlives its managers.

    Args:
        clock: What it takes for the time.
        rng: Where crash points come from.
    """

    def __init__(self, clock: DatabaseClock, rng: random.Random) -> None:
        schema = _schema()
        self.engine = _empty_engine()
        self.raw = _driver(self.engine)
        schema.backup(self.raw)
        set_clock(self.engine, clock)
        self._kept = KeptConnection(self.engine, lambda: self.quiet)
        self.clock = clock
        self._watch()
        self._known: dict[tuple[Any, ...], list[Any]] = {}
        self._known_at = -1
        self.armed = Armed()
        self.quiet = True
        """Whether no fault is set at all."""
        self.on_crash: Callable[[], None] = lambda: None
        self.on_refused: Callable[[], None] = lambda: None
        """Called when something cannot be written because the disk is full."""
        self._rng = rng

    def _watch(self) -> None:
        self.raw.executescript(_TRIGGERS + _JOB_MOVED)
        for table, column in _WATCHED.items():
            for verb, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
                self.raw.executescript(
                    _PLAIN.format(table=table, verb=verb, row=row, column=column)
                )

    def changes(self) -> Changes:
        """What was committed since the last call."""
        stages = {stage for (stage,) in self.raw.execute("SELECT stage FROM touched")}
        if not stages:
            return Changes()
        notes = self.raw.execute(
            "SELECT kind, stage, text, worker, attempt FROM notes ORDER BY number"
        )
        found = Changes(stages, [Note(*row) for row in notes])
        self.raw.execute("DELETE FROM touched")
        self.raw.execute("DELETE FROM notes")
        return found

    def ask(self, query: str, *values: Any) -> list[Any]:
        """Read past every fault, for checks.

        Most questions are asked again before anything has changed, and answered from memory then.
        What is seen within a transaction is not remembered: it may be rolled back.
        """
        if self.raw.in_transaction:
            return self.raw.execute(query, values).fetchall()
        if self._known_at != self.raw.total_changes:
            self._known, self._known_at = {}, self.raw.total_changes
        found = self._known.get((query, values))
        if found is None:
            found = self._known[query, values] = self.raw.execute(query, values).fetchall()
        return found

    @property
    def usable(self) -> bool:
        """Whether it can be read and written."""
        return not self.armed.down and not self.armed.full

    def arm(self, **faults: Any) -> None:
        """Set faults: `down`, `full`, `crash_in`, `crashed`; the others stay."""
        self.armed = replace(self.armed, **faults)
        before, self.quiet = self.quiet, self.armed == Armed()
        if self.quiet != before:
            # What is kept would not hear of the faults.
            self._kept.let_go()
            # Only while needed: being told of every statement costs a tenth of the time.
            change = event.remove if self.quiet else event.listen
            change(self.engine, "begin", self._before_begin_or_commit)
            change(self.engine, "before_cursor_execute", self._before_statement)
            change(self.engine, "commit", self._before_begin_or_commit)
            # An engine that has once had listeners looks for some at every statement.
            self.engine._has_events = not self.quiet  # type: ignore[attr-defined]

    def calm(self) -> None:
        """No more faults."""
        self.arm(down=False, full=False, crash_in=None)

    def close(self) -> None:
        self.arm(down=False, full=False, crash_in=None, crashed=False)
        self._kept.let_go()

    def _before_statement(self, *call: Any) -> None:
        self._count_down()
        if self.armed.down:
            raise _failure("the database cannot be reached")
        if self.armed.full and call[2].lstrip()[:6].upper() in _WRITING:
            self.on_refused()
            raise _failure("database or disk is full")

    def _before_begin_or_commit(self, _: Any) -> None:
        self._count_down()
        if self.armed.down:
            raise _failure("the database cannot be reached")

    def _count_down(self) -> None:
        if self.armed.crash_in is not None:
            self.arm(crash_in=self.armed.crash_in - 1)
            if self.armed.crash_in == 0:
                self.arm(crash_in=None, crashed=True)
                self.on_crash()
        if self.armed.crashed:
            raise SimulatedCrashError


_WRITING = {"INSERT", "UPDATE"}


def _failure(reason: str) -> OperationalError:
    return OperationalError("", {}, sqlite3.OperationalError(reason))
