"""Choosing some of many jobs: by filters, sorted, in pages."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select

from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t

Sort = Literal["-id", "id", "-priority", "priority", "name", "-name", "project", "-project"]
_LARGEST = 1 << 62


class CursorError(FrameFarmError):
    """A page was asked for that no answer has named."""

    code = "bad_cursor"

    def __init__(self, cursor: str) -> None:
        super().__init__(f"{cursor[:200]!a} is no cursor that this manager gave for this order.")


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are meant: those that match everything given.

    Attributes:
        name: Part of the name; capitals count as SQL's `LIKE` has them count.
    """

    state: str | None = None
    owner: str | None = None
    project: str | None = None
    shot: str | None = None
    kind: str | None = None
    name: str | None = None

    def apply(self, query: Select[Any]) -> Select[Any]:
        """The same of a query's jobs."""
        for column in ("state", "owner", "project", "shot", "kind"):
            value = getattr(self, column)
            if value is not None:
                query = query.where(t.jobs.c[column] == value)
        if self.name is not None:
            query = query.where(t.jobs.c.name.icontains(self.name, autoescape=True))
        return query


def job_page(
    connection: Connection, wanted: JobFilter, *, sort: Sort = "-id", cursor: str = "", limit: int
) -> tuple[list[Row[Any]], str | int | None]:
    """Some jobs, and the cursor of the page after them.

    Args:
        sort: By what, `-` for the largest first; equal ones come with the newest first.
        cursor: Of the page before, empty for the first one.

    Raises:
        CursorError: The cursor is none.
    """
    query = wanted.apply(select(t.jobs))
    by, down = t.jobs.c[sort.removeprefix("-")], sort.startswith("-")
    if cursor:
        query = query.where(_after(by, down=down, place=_place(cursor, by.name)))
    first = by.desc() if down else by.asc()
    query = query.order_by(first) if by.name == "id" else query.order_by(first, t.jobs.c.id.desc())
    rows = list(connection.execute(query.limit(limit + 1)).all())
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], _cursor(by.name, rows[limit - 1])


def _after(
    by: ColumnElement[Any], *, down: bool, place: tuple[int | str, int]
) -> ColumnElement[bool]:
    value, job_id = place
    beyond = by < value if down else by > value
    if by is t.jobs.c.id:
        return beyond
    return or_(beyond, and_(by == value, t.jobs.c.id < job_id))


def _cursor(by: str, row: Row[Any]) -> str | int:
    if by == "id":
        return int(row.id)
    return base64.urlsafe_b64encode(json.dumps([getattr(row, by), row.id]).encode()).decode()


def _place(cursor: str, by: str) -> tuple[int | str, int]:
    try:
        if by == "id":
            return _number(int(cursor)), 0
        value, job_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if by == "priority":
            return _number(value), _number(job_id)
        # Half of a surrogate pair is text to JSON, and to no database; nor is a zero byte to some.
        if not isinstance(value, str) or "\0" in value:
            raise CursorError(cursor)
        value.encode()
        return value, _number(job_id)
    except (ValueError, TypeError, RecursionError):
        raise CursorError(cursor) from None


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return max(-_LARGEST, min(value, _LARGEST))
