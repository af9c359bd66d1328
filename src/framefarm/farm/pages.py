"""Pages of a sorted list, and the cursors that say where the next one begins."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Row, Select, and_, or_

from framefarm.core.errors import FrameFarmError

_LARGEST = 1 << 62


class CursorError(FrameFarmError):
    """A page was asked for that no answer has named."""

    code = "bad_cursor"

    def __init__(self, cursor: str) -> None:
        super().__init__(f"{cursor[:200]!r} is no cursor that this manager gave for this order.")


@dataclass(frozen=True)
class Order:
    """How a list is sorted; equal ones come with the newest first.

    Attributes:
        by: The column.
        id: That of the rows' own numbers, which rise with their age.
        name: What the rows of the query call `by`.
        down: The largest first.
    """

    by: ColumnElement[Any]
    id: ColumnElement[int]
    name: str
    down: bool

    @property
    def by_id(self) -> bool:
        """Whether nothing else decides."""
        return self.by is self.id


def page_of(
    connection: Connection, query: Select[Any], order: Order, *, cursor: str = "", limit: int
) -> tuple[list[Row[Any]], str | int | None]:
    """Some rows of a query, and the cursor of the page after them.

    Args:
        query: With a row's `id`, and what it is sorted by.
        cursor: Of the page before, empty for the first one.

    Raises:
        CursorError: The cursor is none.
    """
    if cursor:
        query = query.where(_after(order, _place(cursor, order)))
    first = order.by.desc() if order.down else order.by.asc()
    query = query.order_by(first) if order.by_id else query.order_by(first, order.id.desc())
    rows = list(connection.execute(query.limit(limit + 1)).all())
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], _cursor(order, rows[limit - 1])


def _after(order: Order, place: tuple[int | str, int]) -> ColumnElement[bool]:
    value, row_id = place
    beyond = order.by < value if order.down else order.by > value
    if order.by_id:
        return beyond
    # Said twice, so that an index is read from there on: SQLite makes no beginning of an OR.
    here = order.by <= value if order.down else order.by >= value
    return and_(here, or_(beyond, order.id < row_id))


def _cursor(order: Order, row: Row[Any]) -> str | int:
    if order.by_id:
        return int(row.id)
    return cursor_of([getattr(row, order.name), row.id])


def _place(cursor: str, order: Order) -> tuple[int | str, int]:
    try:
        if order.by_id:
            return _number(int(cursor)), 0
        value, row_id = parts_of(cursor)
        if isinstance(order.by.type, Integer):
            return _number(value), _number(row_id)
        return text_of(value), _number(row_id)
    except (ValueError, TypeError, RecursionError):
        raise CursorError(cursor) from None


def cursor_of(place: Sequence[object]) -> str:
    """A cursor that names a place: what a row is sorted by."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def parts_of(cursor: str) -> Any:
    """What a cursor names.

    Raises:
        ValueError: It is none.
        RecursionError: Neither is it, and deeply so.
    """
    return json.loads(base64.urlsafe_b64decode(cursor.encode()))


def text_of(value: object) -> str:
    """A part of a cursor that is to be a text.

    Raises:
        TypeError: It is none.
        ValueError: It is none for a database.
    """
    if not isinstance(value, str):
        raise TypeError
    # Half of a surrogate pair is text to JSON, and to no database; nor is a zero byte to some.
    if "\0" in value:
        raise ValueError(value)
    value.encode()
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return max(-_LARGEST, min(value, _LARGEST))
