"""Choosing some of many jobs: by filters, sorted, in pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, select

from framefarm.db import tables as t
from framefarm.farm.pages import Order, page_of

Sort = Literal["-id", "id", "-priority", "priority", "name", "-name", "project", "-project"]


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are meant: those that match everything given.

    Attributes:
        states: Any of these; all when empty.
        name: Part of the name; capitals count as SQL's `LIKE` has them count.
    """

    states: Sequence[str] = ()
    owner: str | None = None
    project: str | None = None
    sequence: str | None = None
    shot: str | None = None
    shot_id: int | None = None
    kind: str | None = None
    name: str | None = None

    def apply(self, query: Select[Any]) -> Select[Any]:
        """The same of a query's jobs."""
        if self.states:
            # One is compared, so that an index gives them in order.
            [state, *others] = self.states
            its = t.jobs.c.state
            query = query.where(its.in_(self.states) if others else its == state)
        for column in ("owner", "project", "sequence", "shot", "shot_id", "kind"):
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
    by = sort.removeprefix("-")
    order = Order(t.jobs.c[by], t.jobs.c.id, by, down=sort.startswith("-"))
    return page_of(connection, wanted.apply(select(t.jobs)), order, cursor=cursor, limit=limit)
