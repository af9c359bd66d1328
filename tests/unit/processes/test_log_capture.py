from __future__ import annotations

import asyncio

from framefarm.processes.log_capture import LogCapture


def fed(*chunks: bytes) -> asyncio.StreamReader:
    stream = asyncio.StreamReader()
    for chunk in chunks:
        stream.feed_data(chunk)
    stream.feed_eof()
    return stream


async def test_a_mark_cuts_the_log_where_it_was_printed() -> None:
    log = LogCapture(1000)
    await log.collect(fed(b"one\n", b"\n--- a -", b"--\ntwo\n", b"\n--- b ---\nthree"))
    assert await log.take_until("--- a ---", 1) == "one\n"
    assert await log.take_until("--- b ---", 1) == "two\n"
    assert await log.take_until("--- c ---", 1) == "three"
    assert await log.take_until("--- d ---", 1) == ""


async def test_a_mark_that_is_yet_to_come_is_waited_for() -> None:
    log = LogCapture(1000)
    stream = asyncio.StreamReader()
    collecting = asyncio.create_task(log.collect(stream))
    taking = asyncio.create_task(log.take_until("--- a ---", 5))
    stream.feed_data(b"late")
    stream.feed_data(b"\n--- a ---\n")
    assert await taking == "late"
    stream.feed_eof()
    await collecting


async def test_without_its_mark_in_time_the_log_is_what_there_is() -> None:
    log = LogCapture(1000)
    stream = asyncio.StreamReader()
    collecting = asyncio.create_task(log.collect(stream))
    stream.feed_data(b"some")
    assert await log.take_until("--- a ---", 0.01) == "some"
    stream.feed_eof()
    await collecting


async def test_the_oldest_is_dropped_beyond_the_limit_and_that_is_said() -> None:
    log = LogCapture(10)
    await log.collect(fed(b"0123456789", b"abcde"))
    assert await log.take_until("--- a ---", 1) == "[5 bytes dropped here]\n56789abcde"


async def test_the_tail_reaches_back_over_pieces_taken_before() -> None:
    log = LogCapture(1000)
    await log.collect(fed(b"first\n", b"\n--- a ---\nsecond \xff"))
    await log.take_until("--- a ---", 1)
    assert log.tail() == "first\nsecond \ufffd"
