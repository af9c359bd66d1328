"""Named points in a manager and its keeper at which they are killed, as `kill -9` would.

A test arms a point by writing a JSON object to a file: `process`, `point`, `of`, `nth` and `kills`
(see `Aim`). The process counts from then on how often it comes there, and the n-th time is the
last. Before anything dies the file is renamed, so that the test knows. Installed by `manager_entry`
and `keeper_entry` through SQLAlchemy's events and around the calls of the blob store; the product
knows nothing of it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import Pool

from framefarm.farm import keeping
from framefarm.storage.blobs import IncomingBlob

DATABASE_POINTS = ("begin", "statement", "commit", "committed")
"""Before a transaction, after one of its statements, before its COMMIT, and between its COMMIT and
the answer to whoever asked."""

BLOB_POINTS = ("written", "synced", "renamed")
"""After a blob's bytes were written, after they were synced, after it was renamed into place."""

KEEPER_POINTS = (*BLOB_POINTS, "answering")
"""The same in the keeper process, and when all is durable and it is about to say so."""

WRITES = {
    "a new job": re.compile("INSERT INTO jobs "),
    "a claim": re.compile("INSERT INTO leases "),
    "a finish": re.compile("INSERT INTO results "),
    "a failure": re.compile("INSERT INTO faults "),
    "a renewal": re.compile("UPDATE leases SET expires_at="),
    "a greeting": re.compile("UPDATE workers SET .*boot_id="),
}
"""What a transaction does, by how one of its statements begins."""

TELLING = {
    "something to tell": re.compile("INSERT INTO notifications "),
    "a message taken": re.compile(r"UPDATE notifications SET state=\S+ WHERE"),
    "a message sent": re.compile("UPDATE notifications SET state=.* sent_at="),
}
"""The same of what tells people, which no unit depends on."""

DELETING = {"a deletion": re.compile("DELETE FROM jobs ")}
"""The same of what a person asks for, and asks for again."""


_ALL = WRITES | TELLING | DELETING


@dataclass(frozen=True)
class Aim:
    """What is to die where.

    Attributes:
        point: The point.
        nth: How often it is come to before.
        of: One of `WRITES`, `TELLING` or `DELETING`: only transactions that do this count; empty
            is all.
        process: Where the point is.
        kills: Which process dies. The keeper's parent is the manager.
    """

    point: str
    nth: int = 1
    of: str = ""
    process: Literal["manager", "keeper"] = "manager"
    kills: Literal["itself", "its parent"] = "itself"


class Points:
    """The points of this process.

    Args:
        armed: The file that arms one.
        process: What this process is.
    """

    def __init__(self, armed: Path, process: Literal["manager", "keeper"] = "manager") -> None:
        self._armed = armed
        self._process = process
        self._counting = threading.Lock()
        self._passed = 0

    def reached(self, point: str, does: frozenset[str] = frozenset()) -> None:
        """Die here, if that is what is asked for."""
        with self._counting:
            aim = self._aim()
            if aim is None or (aim.process, aim.point) != (self._process, point):
                return
            if aim.of and aim.of not in does:
                return
            self._passed += 1
            if self._passed >= aim.nth:
                self._passed = 0
                self._armed.rename(self._armed.with_suffix(".hit"))
                os.kill(os.getpid() if aim.kills == "itself" else os.getppid(), signal.SIGKILL)

    def _aim(self) -> Aim | None:
        try:
            return Aim(**json.loads(self._armed.read_text()))
        except (FileNotFoundError, json.JSONDecodeError):
            self._passed = 0
            return None

    def watch_database(self) -> None:
        """Install the points of the database, in transactions that write."""
        event.listen(Engine, "begin", self._begin)
        event.listen(Engine, "after_cursor_execute", self._statement)
        event.listen(Engine, "commit", self._commit)
        event.listen(Pool, "checkin", self._checkin)

    def _begin(self, connection: Connection) -> None:
        if not _reads(connection):
            connection.info["does"] = frozenset()
            self.reached("begin")

    def _statement(self, connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if not _reads(connection) and connection.in_transaction():
            done = {name for name, begins in _ALL.items() if begins.match(statement)}
            connection.info["does"] = connection.info.get("does", frozenset()) | done
            self.reached("statement")

    def _commit(self, connection: Connection) -> None:
        if not _reads(connection):
            connection.info["wrote"] = connection.info.pop("does", frozenset())
            self.reached("commit", connection.info["wrote"])

    def _checkin(self, _: Any, record: Any) -> None:
        # The writer gives its connection back after the commit and before it answers anyone.
        wrote = record.info.pop("wrote", None)
        if wrote is not None:
            self.reached("committed", wrote)

    def watch_blobs(self) -> None:
        """Install the points of the blob store."""
        keep = IncomingBlob.keep

        def kept(blob: IncomingBlob) -> None:
            self.reached("written")
            keep(blob)

        setattr(IncomingBlob, "keep", kept)  # noqa: B010  mypy would not have it
        self._after(os, "fsync", "synced")
        self._after(Path, "rename", "renamed")

    def watch_answers(self) -> None:
        """Install the point of a keeper that has done what it was told."""
        framed: Callable[..., bytes] = keeping.framed

        def answering(message: Any) -> bytes:
            self.reached("answering")
            return framed(message)

        setattr(keeping, "framed", answering)  # noqa: B010

    def _after(self, owner: Any, name: str, point: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def wrapped(*arguments: Any) -> Any:
            answer = original(*arguments)
            if not str(arguments[0]).endswith(".json"):  # the arming file is renamed too
                self.reached(point)
            return answer

        setattr(owner, name, wrapped)


def _reads(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("reading", False))
