"""Workers' names: finding the one that people mean, and giving each a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t

_SHORTEST_PREFIX = 4
_TOLD = 5
_ID_SHOWN = 8
_LONGEST = 180
_PROBED = 20
"""Names with smaller numbers are tried one by one; a thousand machines of one name are counted."""


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


def free_name(connection: Connection, wanted: str) -> str:
    """The name that a new worker gets: the one it says, or with a number where another has it."""
    wanted = _printable(wanted)
    if not _is_taken(connection, wanted):
        return wanted
    for number in range(2, _PROBED):
        if not _is_taken(connection, f"{wanted}-{number}"):
            return f"{wanted}-{number}"
    # "." is the character after "-", so that the index on names finds what begins with "box-".
    alike = select(func.count()).where(t.workers.c.name.between(f"{wanted}-", f"{wanted}."))
    number = _PROBED + connection.execute(alike).scalar_one()
    while _is_taken(connection, f"{wanted}-{number}"):
        number += 1
    return f"{wanted}-{number}"


def name_of(connection: Connection, known: Row[Any], said: str) -> str:
    """The name of a worker that comes back: as a person gave it, else as it says itself.

    Args:
        connection: Open transaction.
        known: Its row.
        said: What it calls itself now.
    """
    name: str = known.name
    if known.named_here:
        return name
    wanted = _printable(said)
    stem, _, number = name.rpartition("-")
    numbered = stem == wanted and number.isdecimal()
    return name if numbered or name == wanted else free_name(connection, said)


def _is_taken(connection: Connection, name: str) -> bool:
    taken = select(t.workers.c.id).where(t.workers.c.name == name, t.workers.c.revoked_at.is_(None))
    return connection.execute(taken.limit(1)).first() is not None


def _printable(name: str) -> str:
    """A name without what would play tricks on a terminal or in an address."""
    kept = "".join(one for one in name[:_LONGEST] if one.isprintable() and one != "/")
    return kept.strip() or "worker"
