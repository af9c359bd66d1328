"""Telling that a job waits for a worker that, as things are, will never come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from framefarm.client.errors import ClientError
from framefarm.client.views import JobView, Why

_LOOK_EVERY_S = 15.0
_AWAY = frozenset({"offline", "lost", "disabled", "draining"})
_AWAY = frozenset({"offline", "lost", "disabled", "draining"})


class _Asks(Protocol):
    def why(self, job: int) -> Why: ...


def standstill(farm: _Asks, job: JobView, *, there: str = "") -> str:
    """Why no worker will take a job up; empty while one may, and where the manager cannot tell.

    Args:
        farm: The manager.
        job: Which.
        there: How commands find that manager, such as ` --url URL`.
    """
    if job.finished or job.state == "paused":
        return ""
    try:
        why = farm.why(job.id)
    except ClientError:
        return ""  # Only a hint: what is wrong shows where it matters.
    return told(why, there) if why.stuck else ""


def told(why: Why, there: str = "") -> str:
    """The answer in a line: the reason of one worker that is there stands for the others'."""
    more = f"more: framefarm why {why.job}{there}"
    workers = sorted(
        (worker for worker in why.workers if worker.reasons),
        key=lambda worker: (worker.state in _AWAY, len(worker.reasons)),
    )
    if not workers:
        return f"job {why.job} waits: {why.answer} {more}"
    waits = f"job {why.job} waits, and as things are no worker will do it"
    return f"{waits}. {workers[0].worker}: {workers[0].reasons[0]}; {more}"


class Lookout:
    """Looks now and then whether a job that is watched stands still, and tells it once.

    Args:
        farm: The manager.
        tell: Hears why.
        clock: Monotonic seconds.
    """

    def __init__(
        self, farm: _Asks, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._farm = farm
        self._tell = tell
        self._clock = clock
        self._look_at = clock()
        self._told = False

    def look(self, job: JobView, *, in_work: bool) -> None:
        """Ask, if it is time to; what is in work is no standstill, and what follows a new one."""
        now = self._clock()
        if in_work:
            self._look_at, self._told = now + _LOOK_EVERY_S, False
        elif now >= self._look_at and not self._told:
            self._look_at = now + _LOOK_EVERY_S
            if text := standstill(self._farm, job):
                self._told = True
                self._tell(text)
