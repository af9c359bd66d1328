"""One JSON object per line, for programs. Nothing else is written to standard output.

Each has `event` and `at` (UTC, RFC 3339), and by event:

    message   level (info, warning, error), text
    job       job: the job as `GET /api/jobs/{id}` gives it
    progress  kind, unit, worker, slot, done, total, phase
    unit      kind, unit, state (done, retry, failed), seconds, peak_memory_bytes, worker, message
    end       exit_code, state, job, frames, done, failed, rendered, wall_s, render_s, mean_s,
              frames_per_minute, slowest, peak_memory_bytes, movie (name, size_bytes), output,
              failures (unit, message)

`end` is the last line of a job that came to an end; an interrupted or refused one has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from framefarm.cli.display.board import Board
from framefarm.cli.display.displays import Heading, Level
from framefarm.cli.display.summary import Summary
from framefarm.client.events import Event, JobEvent, ProgressEvent, UnitEvent
from framefarm.client.views import UnitView

_OF_A_UNIT = ("unit", "state", "seconds", "peak_memory_bytes", "worker", "message")


class JsonLines:
    """Writes events as lines of JSON.

    Args:
        stream: Where to.
        heading: What it is about.
    """

    def __init__(self, stream: TextIO, heading: Heading) -> None:
        self._stream = stream
        self._output = heading.output

    def status(self, text: str) -> None:
        """Nothing: a program does not wait for words."""

    def tick(self, board: Board) -> None:
        """Nothing: only what happens is written."""

    def close(self) -> None:
        """Nothing is held."""

    def message(self, level: Level, text: str) -> None:
        """Write a message."""
        self._write("message", {"level": level, "text": text})

    def event(self, event: Event, board: Board) -> None:
        """Write an event of the job; its end comes with the summary."""
        del board
        if isinstance(event, JobEvent):
            self._write("job", {"job": event.job})
        elif isinstance(event, ProgressEvent):
            self._write("progress", msgspec.structs.asdict(event))
        elif isinstance(event, UnitEvent):
            values = msgspec.structs.asdict(event)
            del values["thumbnail"]
            self._write("unit", values)

    def missed(self, count: int, units: Sequence[UnitView], board: Board) -> None:
        """Write the same lines as if their events had come."""
        del count
        kind = board.job.main_stage.kind if board.job and board.job.main_stage else ""
        for unit in units:
            values = {name: getattr(unit, name) for name in _OF_A_UNIT}
            self._write("unit", {"kind": kind, **values})

    def summary(self, summary: Summary, exit_code: int) -> None:
        """Write the last line."""
        job = summary.job
        self._write(
            "end",
            {
                "exit_code": exit_code,
                "state": job.state,
                "job": job.id,
                "frames": summary.total,
                "done": summary.done,
                "failed": summary.failed,
                "rendered": summary.rendered,
                "wall_s": round(summary.wall_s, 3),
                "render_s": round(job.render_seconds, 3),
                "mean_s": summary.mean_s,
                "frames_per_minute": summary.per_minute,
                "slowest": job.slowest,
                "peak_memory_bytes": job.peak_memory_bytes,
                "movie": _movie(summary),
                "output": summary.output or self._output,
                "failures": [{"unit": u.unit, "message": u.message} for u in summary.failures],
            },
        )

    def _write(self, event: str, values: dict[str, Any]) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = msgspec.json.encode({"event": event, "at": at, **values})
        self._stream.write(line.decode() + "\n")
        self._stream.flush()


def _movie(summary: Summary) -> dict[str, Any] | None:
    if summary.movie is None:
        return None
    return {"name": summary.movie.name, "size_bytes": summary.movie.size_bytes}
