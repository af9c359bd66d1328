"""What happened on the whole farm lately, numbered, for those who follow it.

Memory only, and bounded: the truth is in the database. Readers keep their own place, so a slow one
costs nothing and loses nothing without being told; after a restart, or a long absence, it reads the
state anew. A table of all events would make every finished unit a second row.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

_KEPT = 20_000


class Where(NamedTuple):
    """Where in a production something belongs; a name is empty where it belongs to none."""

    project: str
    sequence: str
    shot: str
    shot_id: int | None


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened.

    Attributes:
        number: Its place among all of this manager's run, from 1 without gaps.
        kind: `job`, `unit`, `worker`, `session` or `shot`.
        at: When, seconds since 1970 UTC.
        facts: What is told of it.
        job_id: The job that it is about.
        worker_id: The worker that it is about, or that made the unit.
        shot_id: The shot that it is about.
        where: That job's place in the production, or the shot's, as far as who noted it knew.
    """

    number: int
    kind: str
    at: float
    facts: dict[str, Any]
    job_id: int | None = None
    worker_id: str | None = None
    shot_id: int | None = None
    where: Where | None = None


class EventLog:
    """The newest happenings. Used from the manager's event loop only.

    Args:
        kept: How many of them.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept: deque[Happening] = deque(maxlen=kept)
        self._listeners: set[asyncio.Event] = set()
        self.last = 0
        self.closed = False

    def note(
        self,
        kind: str,
        facts: dict[str, Any],
        *,
        job_id: int | None = None,
        worker_id: str | None = None,
        shot_id: int | None = None,
        where: Where | None = None,
    ) -> None:
        """Add something that happened just now."""
        self.last += 1
        about = (job_id, worker_id, shot_id, where)
        self._kept.append(Happening(self.last, kind, time.time(), facts, *about))
        for listener in self._listeners:
            listener.set()

    def after(self, number: int) -> list[Happening] | None:
        """All that happened since then; None when some of it is no longer kept."""
        new = self.last - number
        if new < 0 or new > len(self._kept):
            return None
        # From the right: a reader that keeps up must not walk over all that is kept.
        return list(islice(reversed(self._kept), new))[::-1]

    def close(self) -> None:
        """Nothing more is told: readers shall read what there is, and end."""
        self.closed = True
        for listener in self._listeners:
            listener.set()

    @contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever something happens, while the context is open."""
        listener = asyncio.Event()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
