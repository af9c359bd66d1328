"""Choosing some of many workers: by filters, in pages.

Whether a worker is busy, and what tags it has, no index tells. So pages are filled by going through
the workers in the order of their names, until a page is full: as many at a time as the page has
where all match, else some hundred.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from sqlalchemy import Connection, select, tuple_

from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t
from framefarm.farm.worker_views import REVOKED, Links, WorkerView, view_workers

_READ_AT_A_TIME = 500

Place = tuple[str, str]
"""Name and id of a worker, which order the pages."""


class WorkerCursorError(FrameFarmError):
    """A page was asked for that no answer has named."""

    code = "bad_cursor"


@dataclass(frozen=True)
class WorkerFilter:
    """Which workers are meant: those that match everything given.

    Attributes:
        states: As shown; revoked workers only match when asked for.
        tags: All of these they carry.
        host, name: Patterns, `*` for any characters and `?` for one, regardless of case.
    """

    states: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    pool: str = ""
    host: str = ""
    name: str = ""

    def matches(self, view: WorkerView) -> bool:
        """Whether a worker is meant."""
        if view.state not in self.states and (self.states or view.state == REVOKED):
            return False
        return (
            self.tags <= set(view.tags)
            and self.pool in {"", view.pool}
            and _alike(self.host, view.host)
            and _alike(self.name, view.name)
        )


def _alike(pattern: str, text: str) -> bool:
    return not pattern or fnmatchcase(text.lower(), pattern.lower())


@dataclass(frozen=True)
class WorkerPage:
    """Some workers, by name. `next` is the cursor of the following page."""

    workers: list[WorkerView] = field(default_factory=list)
    next: str | None = None


def worker_page(
    connection: Connection, links: Links, wanted: WorkerFilter, *, cursor: str, limit: int
) -> WorkerPage:
    """A page of the workers that are meant.

    Args:
        links: Who is connected.
        cursor: `next` of the page before, empty for the first one.
        limit: Most workers on a page.

    Raises:
        WorkerCursorError: The cursor is none.
    """
    found: list[WorkerView] = []
    at_a_time = limit + 1 if wanted == WorkerFilter() else _READ_AT_A_TIME
    for view in matching_workers(
        connection, links, wanted, after=_place(cursor), at_a_time=at_a_time
    ):
        if len(found) == limit:
            return WorkerPage(found, _cursor(found[-1]))
        found.append(view)
    return WorkerPage(found)


def matching_workers(
    connection: Connection,
    links: Links,
    wanted: WorkerFilter,
    *,
    after: Place = ("", ""),
    at_a_time: int = _READ_AT_A_TIME,
) -> Iterator[WorkerView]:
    """All workers that are meant, by name; so many are read at a time."""
    while True:
        rows = connection.execute(
            select(t.workers)
            .where(tuple_(t.workers.c.name, t.workers.c.id) > tuple_(*after))
            .order_by(t.workers.c.name, t.workers.c.id)
            .limit(at_a_time)
        ).all()
        yield from filter(wanted.matches, view_workers(connection, rows, links))
        if len(rows) < at_a_time:
            return
        after = (rows[-1].name, rows[-1].id)


def _cursor(view: WorkerView) -> str:
    return base64.urlsafe_b64encode(json.dumps([view.name, view.id]).encode()).decode()


def _place(cursor: str) -> Place:
    if not cursor:
        return "", ""
    try:
        name, worker_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        place = str(name), str(worker_id)
        # Half of a surrogate pair is text to JSON, and to no database.
        "".join(place).encode()
    except (ValueError, TypeError, binascii.Error):
        raise WorkerCursorError(f"{cursor!r} is no cursor that this manager gave.") from None
    return place
