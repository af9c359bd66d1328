"""A process's clock that a test can set wrong while it runs."""

from __future__ import annotations

import time
from pathlib import Path


class SetClock:
    """Takes the place of `time.time`.

    Args:
        ahead: The file that says by how many seconds it is ahead; it need not be there.
    """

    def __init__(self, ahead: Path) -> None:
        self._ahead = ahead
        self._time = time.time

    def install(self) -> None:
        """Let this whole process live by it."""
        setattr(time, "time", self)  # noqa: B010  not what its type says

    def __call__(self) -> float:
        """Seconds since 1970, as this process sees them."""
        try:
            return self._time() + float(self._ahead.read_text())
        except (FileNotFoundError, ValueError):
            return self._time()
