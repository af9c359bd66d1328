"""Finding the worker that people mean."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, select

from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t

_SHORTEST_PREFIX = 4
_TOLD = 5
_ID_SHOWN = 8


class NoSuchWorkerError(FrameFarmError):
    """There is no worker of that name or id.

    Attributes:
        wanted: What was asked for.
    """

    code = "no_such_worker"

    def __init__(self, wanted: str, alike: Sequence[str]) -> None:
        hint = (
            f"did you mean {' or '.join(alike)}?"
            if alike
            else "`framefarm workers` lists those there are."
        )
        super().__init__(f"There is no worker {wanted!r}; {hint}")
        self.wanted = wanted


class AmbiguousWorkerError(FrameFarmError):
    """Several workers have that name.

    Attributes:
        wanted: What was asked for.
    """

    code = "ambiguous_worker"

    def __init__(self, wanted: str, found: Sequence[Row[Any]]) -> None:
        told = ", ".join(
            f"{row.id[:_ID_SHOWN]} (on {row.facts.get('host') or 'an unknown host'}, {row.state})"
            for row in found[:_TOLD]
        )
        more = f" and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
        super().__init__(
            f"{len(found)} workers are called {wanted!r}: {told}{more}. Name one by its id; "
            "`framefarm workers rename` gives it a name of its own."
        )
        self.wanted = wanted


def find_worker(connection: Connection, wanted: str) -> Row[Any]:
    """The row of the worker with this id, else with this name, else whose id begins like this.

    Raises:
        NoSuchWorkerError: None matches.
        AmbiguousWorkerError: Several have the name, or such an id.
    """
    workers = t.workers
    conditions = [workers.c.id == wanted, workers.c.name == wanted]
    if len(wanted) >= _SHORTEST_PREFIX:
        conditions.append(workers.c.id.startswith(wanted.lower(), autoescape=True))
    for condition in conditions:
        found = connection.execute(select(workers).where(condition).order_by(workers.c.id)).all()
        if len(found) > 1:
            raise AmbiguousWorkerError(wanted, found)
        if found:
            return found[0]
    names = connection.execute(select(workers.c.name).distinct()).scalars().all()
    raise NoSuchWorkerError(wanted, get_close_matches(wanted, names, n=2))
