"""Telling whoever follows a job what happens to it. Memory only: the truth is in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_KEPT = 2_000


@dataclass(frozen=True)
class Event:
    """Something a follower should hear. `kind` is the name of a server-sent event."""

    kind: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class NoMore:
    """The manager stops: nothing more is told."""


@dataclass(eq=False)
class Subscription:
    """One follower's queue.

    A follower that does not keep up loses the oldest events, never the newest (L14): each `job`
    event is a whole picture, so it can always catch up.
    """

    job_id: int
    events: asyncio.Queue[Event | NoMore] = field(default_factory=lambda: asyncio.Queue(_KEPT))

    def put(self, event: Event | NoMore) -> None:
        """Queue an event."""
        if self.events.full():
            self.events.get_nowait()
        self.events.put_nowait(event)


class EventBus:
    """Passes events to the followers of each job. Used from the manager's event loop only."""

    def __init__(self) -> None:
        self._followers: dict[int, set[Subscription]] = {}
        self._closed = False

    def publish(self, job_id: int, kind: str, facts: dict[str, Any]) -> None:
        """Tell all followers of a job."""
        for follower in self._followers.get(job_id, ()):
            follower.put(Event(kind, facts))

    def followed(self, job_id: int) -> bool:
        """Whether anyone listens."""
        return job_id in self._followers

    def close(self) -> None:
        """Let all followers hear what they were told so far, and end."""
        self._closed = True
        for followers in self._followers.values():
            for follower in followers:
                follower.put(NoMore())

    @contextmanager
    def follow(self, job_id: int) -> Iterator[Subscription]:
        """Receive a job's events while the context is open."""
        subscription = Subscription(job_id)
        if self._closed:
            subscription.put(NoMore())
        self._followers.setdefault(job_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            followers = self._followers[job_id]
            followers.discard(subscription)
            if not followers:
                del self._followers[job_id]
