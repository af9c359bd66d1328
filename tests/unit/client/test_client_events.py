from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from framefarm.client.errors import FarmUnreachableError
from framefarm.client.events import (
    EndEvent,
    Event,
    JobEvent,
    ProgressEvent,
    StreamedEvent,
    UnitEvent,
    decode_event,
    keep_following,
    read_event_lines,
)

UNIT = UnitEvent("render", 5, "done", seconds=1.5)


def test_lines_become_events_with_name_and_data():
    lines = [b"event: unit\r\n", b"data: {}\r\n", b"\r\n", b"data: a\n", b"data: b\n", b"\n"]

    assert list(read_event_lines(lines)) == [
        StreamedEvent("unit", b"{}"),
        StreamedEvent("message", b"a\nb"),
    ]


def test_an_event_says_its_place_in_the_stream_and_later_ones_without_keep_it():
    lines = [b"id: a.1\n", b"data: x\n", b"\n", b"data: y\n", b"\n"]

    assert [event.id for event in read_event_lines(lines)] == ["a.1", "a.1"]


def test_comments_and_events_without_data_are_left_out():
    lines = [b": still here\n", b"\n", b"event: job\n", b"\n", b"data:x\n", b"\n"]

    assert list(read_event_lines(lines)) == [StreamedEvent("message", b"x")]


def test_an_event_cut_off_by_the_end_of_the_stream_is_dropped():
    assert list(read_event_lines([b"event: unit\n", b"data: {}\n"])) == []


def test_each_kind_of_event_is_decoded():
    job = decode_event(
        StreamedEvent("job", b'{"id":3,"state":"running","stages":[],"new_field":1}')
    )
    progress = decode_event(
        StreamedEvent("progress", b'{"kind":"render","unit":7,"done":3,"total":8}')
    )
    unit = decode_event(
        StreamedEvent("unit", b'{"kind":"render","unit":5,"state":"done","seconds":1.5}')
    )

    assert isinstance(job, JobEvent)
    assert (job.job.id, job.job.state) == (3, "running")
    assert progress == ProgressEvent("render", 7, done=3, total=8)
    assert unit == UNIT
    assert decode_event(StreamedEvent("end", b"{}")) == EndEvent()


def test_an_unknown_event_is_none_and_a_wrong_one_is_refused():
    assert decode_event(StreamedEvent("confetti", b"{}")) is None
    with pytest.raises(msgspec.DecodeError):
        decode_event(StreamedEvent("unit", b'{"unit":"x"}'))


class Streams:
    """Streams that `connect` opens one after the other; an exception among them is raised."""

    def __init__(self, *streams: list[Event | Exception]) -> None:
        self._streams = list(streams)
        self.opened = 0

    def __call__(self) -> Iterator[Event]:
        self.opened += 1
        stream = self._streams.pop(0) if self._streams else [FarmUnreachableError("u", "gone")]
        for item in stream:
            if isinstance(item, Exception):
                raise item
            yield item


class Clock:
    """Time that passes only while somebody pauses."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


def test_following_goes_on_after_a_broken_connection_until_the_end():
    broken = FarmUnreachableError("u", "reset")
    streams = Streams([UNIT, broken], [], [UNIT, EndEvent()])
    clock = Clock()

    events = list(keep_following(streams, patience_s=60, pause=clock.pause, clock=clock))

    assert events == [UNIT, UNIT, EndEvent()]
    assert streams.opened == 3
    assert clock.now > 0


def test_following_gives_up_when_the_manager_stays_away():
    clock = Clock()
    following = keep_following(Streams([UNIT]), patience_s=20, pause=clock.pause, clock=clock)

    assert next(following) == UNIT
    with pytest.raises(FarmUnreachableError):
        next(following)
    assert 20 < clock.now < 60


def test_a_manager_that_returns_gets_the_whole_patience_again():
    gone = FarmUnreachableError("u", "gone")
    clock = Clock()
    streams = Streams(*([[gone]] * 5), [UNIT], *([[gone]] * 5), [EndEvent()])

    assert list(keep_following(streams, patience_s=30, pause=clock.pause, clock=clock))
    assert clock.now > 0
