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


def read_event_lines(lines: Iterable[bytes]) -> Iterator[StreamedEvent]:
    """The events in a stream of lines."""
    name, place, data = "", "", list[bytes]()
    for raw in lines:
        line = raw.rstrip(b"\r\n")
        if not line:
            if data:
                yield StreamedEvent(name or "message", b"\n".join(data), place)
            name, data = "", []
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode(errors="replace")
        elif field == b"id":
            place = value.decode(errors="replace")
        elif field == b"data":
            data.append(value)


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
    away_since: float | None = None
    tries = 0
    while True:
        try:
            for event in connect():
                away_since, tries = None, 0
                yield event
                if isinstance(event, EndEvent):
                    return
        except FarmUnreachableError:
            away_since = clock() if away_since is None else away_since
            if clock() - away_since > patience_s:
                raise
        # Full jitter (L13): a thousand clients must not come back in the same instant.
        pause(random.uniform(0.05, min(5.0, 0.2 * 2**tries)))  # noqa: S311  no secret
        tries = min(tries + 1, 8)
