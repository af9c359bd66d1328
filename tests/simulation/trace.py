"""What happened, for people who replay a seed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

KEPT = 400


class Trace:
    """The latest lines, and all of them when someone listens.

    Lines are put together only when they are read: nearly all never are.
    """

    def __init__(self, now: Callable[[], float], listener: Callable[[str], None] | None) -> None:
        self._now = now
        self._listener = listener
        self._lines: deque[tuple[float, str, str, tuple[Any, ...]]] = deque(maxlen=KEPT)

    def __call__(self, who: str, what: str, *args: Any) -> None:
        line = (self._now(), who, what, args)
        self._lines.append(line)
        if self._listener is not None:
            self._listener(_text(*line))

    def tail(self) -> str:
        """The latest lines."""
        return "\n".join(_text(*line) for line in self._lines)


def _text(at: float, who: str, what: str, args: tuple[Any, ...]) -> str:
    return f"{at:10.3f}  {who:<10}  {what % args if args else what}"
