"""Whether something that may take long gets on at all. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """A least rate, held over a window.

    A frame over a thin line may take an hour, so time alone says nothing about a transfer; a peer
    that sends a byte now and then so that its connection lives is told by its rate. Only whole
    windows are judged: a line that is gone for a moment has the rest of the window to make up.

    Attributes:
        least_bytes_per_s: The rate to hold.
        over_s: The window.
        began_at: When the window in force began; None before the first look.
        began_bytes: What had been moved then.
    """

    least_bytes_per_s: float
    over_s: float
    began_at: float | None = None
    began_bytes: int = 0

    def restart(self) -> None:
        """Begin anew: what was waited for until now was not the peer's."""
        self.began_at = None

    def too_slow(self, moved_bytes: int, now: float) -> bool:
        """Take a look.

        Args:
            moved_bytes: What has been moved since whenever, a number that only rises.
            now: Seconds of a clock that only rises.
        """
        if self.began_at is None:
            self.began_at, self.began_bytes = now, moved_bytes
            return False
        passed_s = now - self.began_at
        if passed_s < self.over_s:
            return False
        if moved_bytes - self.began_bytes < self.least_bytes_per_s * passed_s:
            return True
        self.began_at, self.began_bytes = now, moved_bytes
        return False
