"""The database's clock, which is wrong now and then. Everything else goes by the true time."""

from __future__ import annotations

from collections.abc import Callable

START_S = 1_700_000_000.0


class DatabaseClock:
    """Shows the true time plus whatever steps it has made."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ahead_s = START_S
        self.stepped_at = float("-inf")

    def __call__(self, _: object = None) -> float:
        return self._now() + self._ahead_s

    @property
    def stepped(self) -> bool:
        """Whether it has ever been wrong."""
        return self.stepped_at > float("-inf")

    def step(self, seconds: float) -> None:
        """Jump forwards or backwards."""
        self._ahead_s += seconds
        self.stepped_at = self._now()
