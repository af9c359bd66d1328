"""What happened lately is kept, numbered, and bounded."""

from __future__ import annotations

import asyncio

from framefarm.farm.event_log import EventLog


def log_of(count: int, *, kept: int) -> EventLog:
    log = EventLog(kept)
    for unit in range(1, count + 1):
        log.note("unit", {"unit": unit})
    return log


def numbers(log: EventLog, after: int) -> list[int] | None:
    found = log.after(after)
    return None if found is None else [event.number for event in found]


def test_readers_get_what_is_new_since_their_place_in_order():
    log = log_of(5, kept=10)

    assert numbers(log, 0) == [1, 2, 3, 4, 5]
    assert numbers(log, 3) == [4, 5]
    assert numbers(log, 5) == []


def test_l14_the_oldest_go_and_a_reader_from_before_is_told():
    log = log_of(25, kept=10)

    assert numbers(log, 15) == list(range(16, 26))
    assert numbers(log, 14) is None


def test_a_place_of_the_future_is_none_of_this_log():
    assert numbers(log_of(3, kept=10), 4) is None


async def test_listeners_are_woken_until_they_leave():
    log = EventLog()
    with log.listen() as listener:
        log.note("job", {})
        await asyncio.wait_for(listener.wait(), 10)
    listener.clear()
    log.note("job", {})

    assert not listener.is_set()
