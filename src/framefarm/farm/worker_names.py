"""Workers' names: finding the one that people mean, and giving each a name of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import count
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t

_SHORTEST_PREFIX = 4
_TOLD = 5
_ID_SHOWN = 8
_LONGEST = 180


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
    found = _matching(connection, wanted, workers.c.revoked_at.is_(None))
    found = found or _matching(connection, wanted, workers.c.revoked_at.is_not(None))
    if len(found) > 1:
        raise AmbiguousWorkerError(wanted, found)
    if found:
        return found[0]
    names = connection.execute(select(workers.c.name).distinct()).scalars().all()
    raise NoSuchWorkerError(wanted, get_close_matches(wanted, names, n=2))


def _matching(
    connection: Connection, wanted: str, among: ColumnElement[bool]
) -> Sequence[Row[Any]]:
    workers = t.workers
    conditions = [workers.c.id == wanted, workers.c.name == wanted]
    if len(wanted) >= _SHORTEST_PREFIX:
        conditions.append(workers.c.id.startswith(wanted.lower(), autoescape=True))
    for condition in conditions:
        found = connection.execute(
            select(workers).where(condition, among).order_by(workers.c.id)
        ).all()
        if found:
            return found
    return []


class FreeNames:
    """Names for workers that get one now: what they say, or with a number where another has it.

    Args:
        connection: Open transaction.
        wanted: What they call themselves, looked up in one statement; more may come.
    """

    def __init__(self, connection: Connection, wanted: Iterable[str]) -> None:
        self._connection = connection
        self._looked_up: set[str] = set()
        self._taken: set[str] = set()
        self._numbers: dict[str, Iterator[int]] = {}
        self._look_up({_printable(name) for name in wanted})

    def give(self, wanted: str) -> str:
        """A name that nobody has, nor was given before."""
        wanted = _printable(wanted)
        self._look_up({wanted} - self._looked_up)
        name = self._numbered(wanted) if wanted in self._taken else wanted
        self._taken.add(name)
        return name

    def _look_up(self, names: set[str]) -> None:
        if names:
            self._looked_up |= names
            self._note_taken(t.workers.c.name.in_(sorted(names)))

    def _numbered(self, wanted: str) -> str:
        if wanted not in self._numbers:
            self._numbers[wanted] = count(2)
            self._note_taken(t.workers.c.name.startswith(f"{wanted}-", autoescape=True))
        names = (f"{wanted}-{number}" for number in self._numbers[wanted])
        return next(name for name in names if name not in self._taken)

    def _note_taken(self, condition: ColumnElement[bool]) -> None:
        taken = select(t.workers.c.name).where(condition, t.workers.c.revoked_at.is_(None))
        self._taken.update(self._connection.execute(taken).scalars())


def name_of(known: Row[Any], said: str, names: FreeNames) -> str:
    """The name of a worker that comes back: as a person gave it, else as it says itself.

    Args:
        known: Its row.
        said: What it calls itself now.
        names: Where it gets another one from.
    """
    name: str = known.name
    if known.named_here:
        return name
    wanted = _printable(said)
    stem, _, number = name.rpartition("-")
    numbered = stem == wanted and number.isdecimal()
    return name if numbered or name == wanted else names.give(said)


def _printable(name: str) -> str:
    """A name without what would play tricks on a terminal or in an address."""
    kept = "".join(one for one in name[:_LONGEST] if one.isprintable() and one != "/")
    return kept.strip() or "worker"
