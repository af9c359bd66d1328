"""A job's events as they happen: server-sent events, read and put back together.

https://html.spec.whatwg.org/multipage/server-sent-events.html says how the lines are meant.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

import msgspec

from framefarm.client.errors import FarmUnreachableError
from framefarm.client.reading import read_json
from framefarm.client.views import JobView

MAX_LINE_BYTES = 1 << 20
"""A view of a job with all its warnings is below 100 kB."""


class JobEvent(msgspec.Struct, frozen=True):
    """The job as it is now."""

    job: JobView


class ProgressEvent(msgspec.Struct, frozen=True):
    """How far a unit in work is: `done` of `total` samples, or other steps of its kind."""

    kind: str
    unit: int
    worker: str = ""
    slot: str = ""
    done: int = 0
    total: int = 0
    phase: str = ""


class UnitEvent(msgspec.Struct, frozen=True):
    """A unit is done, is tried again, or failed for good."""

    kind: str
    unit: int
    state: str
    seconds: float | None = None
    peak_memory_bytes: int | None = None
    worker: str | None = None
    message: str | None = None
    thumbnail: bool = False


class EndEvent(msgspec.Struct, frozen=True):
    """Nothing more happens and everything is delivered."""


Event = JobEvent | ProgressEvent | UnitEvent | EndEvent

_E = TypeVar("_E")


class StreamedEvent(NamedTuple):
    """An event as it came: its name, its data, and the place in the stream, if it has one."""

    name: str
    data: bytes
    id: str = ""


class EventLines:
    """Puts the events in a stream of lines together."""

    def __init__(self) -> None:
        self._name = self._place = ""
        self._data: list[bytes] = []

    def take(self, raw: bytes) -> StreamedEvent | None:
        """Take a line; the event that ends with it, if one does."""
        line = raw.rstrip(b"\r\n")
        if not line:
            return self._end()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._name = value.decode(errors="replace")
        elif field == b"id":
            self._place = value.decode(errors="replace")
        elif field == b"data":
            self._data.append(value)
        return None

    def _end(self) -> StreamedEvent | None:
        name, data = self._name, self._data
        self._name, self._data = "", []
        return StreamedEvent(name or "message", b"\n".join(data), self._place) if data else None


def read_event_lines(lines: Iterable[bytes]) -> Iterator[StreamedEvent]:
    """The events in a stream of lines."""
    reader = EventLines()
    for line in lines:
        event = reader.take(line)
        if event is not None:
            yield event


def decode_event(event: StreamedEvent) -> Event | None:
    """Turn a named event into its type; None for one this version does not know.

    Raises:
        msgspec.DecodeError: The data is not what that event carries.
    """
    name, data, _ = event
    if name == "job":
        return JobEvent(read_json(data, JobView))
    if name == "progress":
        return read_json(data, ProgressEvent)
    if name == "unit":
        return read_json(data, UnitEvent)
    return EndEvent() if name == "end" else None


class Patience:
    """How long to wait before a stream that broke off is opened anew, and when to give up.

    Args:
        patience_s: How long the manager may be away.
        clock: Seconds that only rise.
    """

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience_s = patience_s
        self._clock = clock
        self.came()

    def came(self) -> None:
        """Something came."""
        self._away_since: float | None = None
        self._tries = 0

    def broke(self, error: FarmUnreachableError) -> None:
        """The connection broke, or did not come about.

        Raises:
            FarmUnreachableError: The manager has been away for too long.
        """
        now = self._clock()
        if self._away_since is None:
            self._away_since = now
        if now - self._away_since > self._patience_s:
            raise error

    def pause_s(self) -> float:
        """How long to wait before the next try."""
        # Full jitter (L13): a thousand clients must not come back in the same instant.
        pause_s = random.uniform(0.05, min(5.0, 0.2 * 2**self._tries))  # noqa: S311  no secret
        self._tries = min(self._tries + 1, 8)
        return pause_s


def keep_following(
    connect: Callable[[], Iterator[_E]],
    *,
    patience_s: float,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[_E]:
    """Follow events over broken connections until the end, if there is one.

    Args:
        connect: Opens the stream anew; it begins with how things are then, or goes on.
        patience_s: How long the manager may be away before this gives up.

    Raises:
        FarmUnreachableError: The manager was away for longer than that.
    """
    patience = Patience(patience_s, clock)
    while True:
        try:
            for event in connect():
                patience.came()
                yield event
                if isinstance(event, EndEvent):
                    return
        except FarmUnreachableError as error:
            patience.broke(error)
        pause(patience.pause_s())
