"""Choosing some of many workers: by filters, in pages.

Whether a worker is busy, and what tags it has, no index tells. So pages are filled by going through
the workers in the order asked for, until a page is full: as many at a time as the page has
where all match, else some hundred. Of these a few columns are read first: most of what a worker's
view costs is its facts and slots, and of five hundred workers a handful may be meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from math import isfinite
from typing import Any, Literal, get_args

from sqlalchemy import Column, Connection, bindparam, select, tuple_

from framefarm.core.states import WorkerState
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.pages import CursorError, cursor_of, parts_of, text_of
from framefarm.farm.worker_states import shown_state
from framefarm.farm.worker_views import REVOKED, Links, WorkerView, view_workers

_READ_AT_A_TIME = 500
_REVOKED = frozenset({REVOKED})

Sort = Literal["name", "-name", "pool", "-pool", "joined", "-joined"]
Place = tuple[str | float, ...]
"""What orders a worker among the others: the columns of its `_Order`."""


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


class _Order:
    """One way through all workers. Nothing that it goes by changes while pages are read.

    Args:
        columns: What decides, the last one alone between any two.
        down: The largest first.
    """

    def __init__(self, *columns: Column[Any], down: bool) -> None:
        self._columns = columns
        some = select(_W.id, _W.name, _W.pool, _W.tags, _W.state, _W.revoked_at, _W.first_seen_at)
        some = some.order_by(*(c.desc() if down else c for c in columns)).limit(bindparam("most"))
        here = tuple_(*columns)
        place = tuple_(*(bindparam(c.name, type_=c.type) for c in columns))
        self._first = Prepared(some)
        self._next = Prepared(some.where(here < place if down else here > place))

    def rows(self, connection: Connection, after: Place, most: int) -> list[Any]:
        """The workers after a place; the first ones after the empty one."""
        if not after:
            return self._first.rows(connection, most=most)
        names = (column.name for column in self._columns)
        return self._next.rows(connection, most=most, **dict(zip(names, after, strict=True)))

    def place(self, row: Any) -> Place:
        """Where a worker is."""
        return tuple(getattr(row, column.name) for column in self._columns)

    def told(self, place: object) -> Place:
        """A place that came from outside.

        Raises:
            TypeError: It is none of this order.
            ValueError: Nor is it for a database.
        """
        if not isinstance(place, list) or len(place) != len(self._columns):
            raise TypeError
        kinds = (column.type.python_type for column in self._columns)
        return tuple(
            text_of(value) if kind is str else _moment(value)
            for value, kind in zip(place, kinds, strict=True)
        )


def _moment(value: object) -> float:
    if not isinstance(value, float) or not isfinite(value):
        raise TypeError
    return value


_W = t.workers.c
_COLUMNS: dict[str, tuple[Column[Any], ...]] = {
    "name": (_W.name, _W.id),
    "pool": (_W.pool, _W.name, _W.id),
    "joined": (_W.first_seen_at, _W.id),
}
_ORDERS = {
    sort: _Order(*_COLUMNS[sort.removeprefix("-")], down=sort.startswith("-"))
    for sort in get_args(Sort)
}
_WORKERS = Prepared(
    select(t.workers).where(_W.id.in_(bindparam("ids", expanding=True))), listed="ids"
)


@dataclass(frozen=True)
class WorkerPage:
    """Some workers, in the order asked for. `next` is the cursor of the following page."""

    workers: list[WorkerView] = field(default_factory=list)
    next: str | None = None


def worker_page(
    connection: Connection,
    links: Links,
    wanted: WorkerFilter,
    *,
    sort: Sort = "name",
    cursor: str,
    limit: int,
) -> WorkerPage:
    """A page of the workers that are meant.

    Args:
        links: Who is connected.
        sort: By what, `-` for the largest first.
        cursor: `next` of the page before, empty for the first one.
        limit: Most workers on a page.

    Raises:
        CursorError: The cursor is none.
    """
    order = _ORDERS[sort]
    found: list[WorkerView] = []
    place: Place = ()
    at_a_time = limit + 1 if wanted == WorkerFilter() else _READ_AT_A_TIME
    for view, here in _matching(
        connection, links, wanted, order, after=_place(cursor, order), at_a_time=at_a_time
    ):
        if len(found) == limit:
            return WorkerPage(found, cursor_of(place))
        found.append(view)
        place = here
    return WorkerPage(found)


def matching_workers(
    connection: Connection, links: Links, wanted: WorkerFilter
) -> Iterator[WorkerView]:
    """All workers that are meant, by name."""
    order = _ORDERS["name"]
    every = _matching(connection, links, wanted, order, after=(), at_a_time=_READ_AT_A_TIME)
    return (view for view, _ in every)


def _matching(
    connection: Connection,
    links: Links,
    wanted: WorkerFilter,
    order: _Order,
    *,
    after: Place,
    at_a_time: int,
) -> Iterator[tuple[WorkerView, Place]]:
    while True:
        seen = order.rows(connection, after, at_a_time)
        places = {
            row.id: order.place(row)
            for row in seen
            if wanted.may_match(row, connected=links(row.id) is not None)
        }
        whole = {row.id: row for row in _WORKERS.rows(connection, list(places))}
        for view in view_workers(connection, [whole[one] for one in places], links):
            if wanted.matches(view):
                yield view, places[view.id]
        if len(seen) < at_a_time:
            return
        after = order.place(seen[-1])


def _place(cursor: str, order: _Order) -> Place:
    if not cursor:
        return ()
    try:
        return order.told(parts_of(cursor))
    except (ValueError, TypeError, RecursionError):
        raise CursorError(cursor) from None
