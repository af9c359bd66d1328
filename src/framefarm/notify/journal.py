"""What the sending process was about to do, kept through the death of manager and process alike.

Without it a manager that is started after a crash could not tell a message that was never sent from
one whose answer was not noted, and would lose the one or send the other twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Self

from framefarm.notify.outcomes import Outcome

_NAME = "notify.journal"


class Journal:
    """A file of lines, one for each process that sends.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @classmethod
    def new(cls, folder: Path) -> Self:
        """One that nobody else writes to, in a farm's folder."""
        return cls(folder / f"{_NAME}.{secrets.token_hex(8)}")

    @classmethod
    def left(cls, folder: Path) -> list[Self]:
        """Those that are in a farm's folder."""
        return [cls(path) for path in sorted(folder.glob(f"{_NAME}.*"))]

    def begin(self, letter: str) -> None:
        """Note that a letter is about to be sent."""
        self._note({"letter": letter})

    def end(self, letter: str, outcome: Outcome) -> None:
        """Note what became of it."""
        self._note({"letter": letter, "outcome": asdict(outcome)})

    def read(self) -> Mapping[str, Outcome | None]:
        """What became of each letter that was begun; None where that is not known."""
        found: dict[str, Outcome | None] = {}
        with contextlib.suppress(FileNotFoundError):
            for line in self.path.read_text().splitlines():
                # The last line may have been cut short.
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    note = json.loads(line)
                    outcome = note.get("outcome")
                    found[note["letter"]] = None if outcome is None else Outcome(**outcome)
        return found

    def clear(self) -> None:
        """Forget all; it is noted elsewhere by now."""
        self.path.unlink(missing_ok=True)

    def _note(self, note: dict[str, object]) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, json.dumps(note).encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
