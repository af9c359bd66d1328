"""What the stand-in renderers noted: every render that was begun, and which of them ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Render:
    """One line of the record."""

    event: str
    at: float
    pid: int
    worker: str
    lease: str
    job: int
    stage: int
    unit: int
    attempt: int


class Record:
    """The file that all renderers of a farm write to.

    Args:
        path: It need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self, job: int, event: str = "start", *, since: float = 0.0) -> list[Render]:
        """The renders of a job that were begun (or that ended), in the order of time."""
        if not self.path.exists():
            return []
        whole = self.path.read_text().rpartition("\n")[0].splitlines()
        renders = [Render(**json.loads(line)) for line in whole]
        return [one for one in renders if (one.job, one.event) == (job, event) and one.at >= since]

    def running(self, job: int, worker: str | None = None) -> list[Render]:
        """Renders of a job that were begun and have not ended, as far as was noted."""
        ended = {one.pid for one in self.lines(job, "end")}
        begun = self.lines(job)
        return [one for one in begun if one.pid not in ended and worker in (None, one.worker)]
