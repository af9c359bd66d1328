"""Which files a worker has on its disk, as far as the manager knows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

_MOST = 1_000
"""Files remembered of one worker; what it used longest ago is forgotten, as it will be there."""


class HeldFiles:
    """SHA-256 of the files that a worker holds, those used last remembered longest.

    It is a guess: a worker says what it holds when it connects, and what it is sent or served
    afterwards it will hold. What it throws away it does not tell; then a job goes to a worker that
    has to fetch its file, as it would have without the guess.

    Args:
        told: What the worker said, those used last first.
    """

    def __init__(self, told: Sequence[str] = ()) -> None:
        self._files: OrderedDict[str, None] = OrderedDict.fromkeys(reversed(told[:_MOST]))
        self._known: frozenset[str] | None = None

    @property
    def known(self) -> frozenset[str]:
        """All of them. The same object until something changes."""
        if self._known is None:
            self._known = frozenset(self._files)
        return self._known

    def note(self, files: Iterable[str]) -> None:
        """Learn that the worker has, or will have, some files."""
        for sha256 in files:
            if sha256 not in self._files:
                self._files[sha256] = None
                self._known = None
            self._files.move_to_end(sha256)
            if len(self._files) > _MOST:
                self._files.popitem(last=False)
