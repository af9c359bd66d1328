"""People who ask for workers for their jobs, for more of them, and give them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .pastime import Pastime

if TYPE_CHECKING:
    from .world import World

ASKING = 0.5
"""Of the seeds, those in which anybody asks for workers."""

THINKING_S = 12.0
MOST = 4


class Asking(Pastime):
    """Asks for workers, of the real API.

    Args:
        world: Where.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world, "sessions", share=ASKING, every_s=THINKING_S)

    def act(self) -> None:
        """Do one of all that there is to do, once there is a job."""
        if self._world.people.jobs:
            self._rng.choice(_DEEDS)(self)

    def ask(self) -> None:
        """Ask for workers for a job: sometimes for more than there are, and wait for them."""
        job = self._rng.choice(self._world.people.jobs)
        workers, wait = self._rng.randint(1, MOST), self._rng.random() < 0.3
        self._tell("POST", "/api/sessions", job=job, workers=workers, wait=wait)

    def ask_for_more(self) -> None:
        """Ask for one more."""
        for session in self._some_session():
            self._tell("POST", f"/api/sessions/{session}/more", workers=1)

    def release(self) -> None:
        """Let one worker go, whoever it is."""
        machine = self._rng.choice(self._world.machines)
        for session in self._some_session():
            if machine.worker_id is not None:
                workers = [machine.worker_id]
                self._tell("POST", f"/api/sessions/{session}/release", workers=workers)

    def release_all(self) -> None:
        """Let all go."""
        for session in self._some_session():
            self._tell("POST", f"/api/sessions/{session}/release", all=True)

    def delete(self) -> None:
        """Forget a session."""
        for session in self._some_session():
            self._tell("DELETE", f"/api/sessions/{session}")

    def wait_no_more(self) -> None:
        """Let jobs begin that wait for workers: there may never be so many."""
        for (session,) in self._world.database.ask(_WAITING):
            self._tell("POST", f"/api/sessions/{session}/release", all=True)

    def _some_session(self) -> list[int]:
        there = [session for (session,) in self._world.database.ask(_OPEN)]
        return [self._rng.choice(there)] if there else []

    def _tell(self, method: str, path: str, **body: object) -> None:
        self._world.people.ask(method, path, **body)


_DEEDS: list[Callable[[Asking], None]] = [
    Asking.ask,
    Asking.ask,
    Asking.ask,
    Asking.ask_for_more,
    Asking.release,
    Asking.release_all,
    Asking.delete,
]
_OPEN = "SELECT id FROM sessions WHERE ended_at IS NULL ORDER BY id"
_WAITING = "SELECT id FROM sessions WHERE ended_at IS NULL AND waiting ORDER BY id"
