"""Choosing some of many workers: by filters, in pages.

Whether a worker is busy, and what tags it has, no index tells. So pages are filled by going through
the workers in the order of their names, until a page is full: as many at a time as the page has
where all match, else some hundred. Of these a few columns are read first: most of what a worker's
view costs is its facts and slots, and of five hundred workers a handful may be meant.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, select, tuple_

from framefarm.core.errors import FrameFarmError
from framefarm.core.states import WorkerState
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.worker_states import shown_state
from framefarm.farm.worker_views import REVOKED, Links, WorkerView, view_workers

_READ_AT_A_TIME = 500
_REVOKED = frozenset({REVOKED})

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

    def may_match(self, row: Any, *, connected: bool) -> bool:
        """Whether a worker may be meant, by what can be told of it quickly.

        Args:
            row: Its id, name, pool, tags, state and revoked_at.
        """
        revoked = row.revoked_at is not None
        possible = _REVOKED if revoked else _possible_states(row.state, connected=connected)
        meant = bool(possible & self.states) if self.states else not revoked
        return (
            meant
            and self.tags <= set(row.tags)
            and self.pool in {"", row.pool}
            and _alike(self.name, row.name)
        )

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


@cache
def _possible_states(stored: str, *, connected: bool) -> frozenset[str]:
    """What a worker may be shown as, whatever its leases and quarantines are."""
    possible = {shown_state(stored, connected=connected, working=yes) for yes in (False, True)}
    return frozenset(
        {*possible, WorkerState.QUARANTINED} if WorkerState.IDLE in possible else possible
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
        name, worker_id = after
        seen = _NEXT.rows(connection, name=name, id=worker_id, most=at_a_time)
        ids = [row.id for row in seen if wanted.may_match(row, connected=links(row.id) is not None)]
        rows = _WORKERS.rows(connection, ids)
        yield from filter(wanted.matches, view_workers(connection, rows, links))
        if len(seen) < at_a_time:
            return
        after = (seen[-1].name, seen[-1].id)


_W = t.workers.c
_NEXT = Prepared(
    select(_W.id, _W.name, _W.pool, _W.tags, _W.state, _W.revoked_at)
    .where(tuple_(_W.name, _W.id) > tuple_(bindparam("name"), bindparam("id")))
    .order_by(_W.name, _W.id)
    .limit(bindparam("most"))
)
_WORKERS = Prepared(
    select(t.workers).where(_W.id.in_(bindparam("ids", expanding=True))).order_by(_W.name, _W.id),
    listed="ids",
)


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
