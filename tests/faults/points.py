"""Named points in a manager at which it kills itself, as `kill -9` would.

A test arms a point by writing `{"point": ..., "nth": ...}` to a file; the manager counts from then
on how often it comes there, and the n-th time is its last. Before it dies it renames the file, so
that the test knows. Installed by `manager_entry` through SQLAlchemy's events and around the calls
of the blob store; the product knows nothing of it.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import Pool

from framefarm.storage.blobs import IncomingBlob

DATABASE_POINTS = ("begin", "statement", "commit", "committed")
"""Before a transaction, after one of its statements, before its COMMIT, and between its COMMIT and
the answer to whoever asked."""

BLOB_POINTS = ("written", "synced", "renamed")
"""After a blob's bytes were written, after they were synced, after it was renamed into place."""

POINTS = DATABASE_POINTS + BLOB_POINTS


class Points:
    """The points of this process.

    Args:
        armed: The file that arms one.
    """

    def __init__(self, armed: Path) -> None:
        self._armed = armed
        self._counting = threading.Lock()
        self._passed = 0

    def reached(self, point: str) -> None:
        """Die here, if that is what is asked for."""
        with self._counting:
            try:
                asked = json.loads(self._armed.read_text())
            except (FileNotFoundError, json.JSONDecodeError):
                self._passed = 0
                return
            if asked["point"] != point:
                return
            self._passed += 1
            if self._passed >= asked["nth"]:
                self._armed.rename(self._armed.with_suffix(".hit"))
                os.kill(os.getpid(), signal.SIGKILL)

    def watch_database(self) -> None:
        """Install the points of the database, in transactions that write."""
        event.listen(Engine, "begin", self._begin)
        event.listen(Engine, "after_cursor_execute", self._statement)
        event.listen(Engine, "commit", self._commit)
        event.listen(Pool, "checkin", self._checkin)

    def _begin(self, connection: Connection) -> None:
        if not _reads(connection):
            self.reached("begin")

    def _statement(self, connection: Connection, *_: Any) -> None:
        if not _reads(connection) and connection.in_transaction():
            self.reached("statement")

    def _commit(self, connection: Connection) -> None:
        if not _reads(connection):
            connection.info["wrote"] = True
            self.reached("commit")

    def _checkin(self, _: Any, record: Any) -> None:
        # The writer gives its connection back after the commit and before it answers anyone.
        if record.info.pop("wrote", False):
            self.reached("committed")

    def watch_blobs(self) -> None:
        """Install the points of the blob store."""
        keep = IncomingBlob.keep

        def kept(blob: IncomingBlob) -> None:
            self.reached("written")
            keep(blob)

        setattr(IncomingBlob, "keep", kept)  # noqa: B010  mypy would not have it
        self._after(os, "fsync", "synced")
        self._after(Path, "rename", "renamed")

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
