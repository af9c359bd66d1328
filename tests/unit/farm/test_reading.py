"""The threads that read: one as long as it keeps up, two beside a long read."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from framefarm.farm.reading import Readers

LONG_S = 60


@pytest.fixture
def readers() -> Iterator[Readers]:
    made = Readers()
    yield made
    made.shutdown()


def name_of_thread() -> str:
    return threading.current_thread().name


def test_short_reads_are_done_by_one_thread_in_their_order(readers: Readers):
    done: list[int] = []

    for one in [readers.submit(done.append, number) for number in range(100)]:
        one.result(LONG_S)

    assert done == list(range(100))
    assert len({readers.submit(name_of_thread).result(LONG_S) for _ in range(20)}) == 1


def test_a_long_read_holds_up_no_others(readers: Readers):
    may_end = threading.Event()
    usual = readers.submit(name_of_thread).result(LONG_S)
    long = readers.submit(may_end.wait, LONG_S)

    names = [one.result(LONG_S) for one in [readers.submit(name_of_thread) for _ in range(9)]]

    assert not long.done()
    assert usual not in names
    may_end.set()
    assert long.result(LONG_S)
    assert readers.submit(name_of_thread).result(LONG_S) == usual


def test_what_goes_wrong_goes_to_who_asked(readers: Readers):
    wrong = readers.submit(int, "no number")

    with pytest.raises(ValueError, match="no number"):
        wrong.result(LONG_S)
    assert readers.submit(int, "7").result(LONG_S) == 7


def test_what_nobody_waits_for_any_more_is_not_read(readers: Readers):
    may_end, done = threading.Event(), []
    readers.submit(may_end.wait, LONG_S)
    readers.submit(may_end.wait, LONG_S)  # keeps the second thread busy as well
    given_up = readers.submit(done.append, 1)

    assert given_up.cancel()
    may_end.set()
    readers.shutdown()

    assert not done


def test_what_has_come_is_read_before_the_end():
    readers = Readers()
    reads = [readers.submit(name_of_thread) for _ in range(50)]

    readers.shutdown()

    assert all(read.done() for read in reads)
