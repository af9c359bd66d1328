"""Frames that were finished while a job's events could not come."""

from __future__ import annotations

import io
import queue
from datetime import UTC, datetime, timedelta

import pytest

from framefarm.cli.display.board import Board
from framefarm.cli.display.displays import Heading
from framefarm.cli.display.json_lines import JsonLines
from framefarm.cli.display.plain import PlainLines
from framefarm.cli.following import Feed, Follower
from framefarm.cli.untold import Untold, newest
from framefarm.client.events import EndEvent
from framefarm.client.views import UnitView
from tests.unit.cli.jobs import finished, running

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def unit(number: int, after_s: float = 0.0) -> UnitView:
    return UnitView(number, "done", seconds=2.0, finished_at=NOON + timedelta(seconds=after_s))


def missed(*events) -> list[int]:
    untold, found = Untold(), []
    for event in events:
        found.append(untold.take(event))
        untold.found((), found[-1])
    return found


@pytest.mark.parametrize(
    "events",
    [
        (running(0), finished(1), running(1), finished(2), running(2), EndEvent()),
        # Told before a job that does not count it yet, and after one that does.
        (running(0), finished(1), running(0), running(1), EndEvent()),
        (running(0), running(1), finished(1), running(1), EndEvent()),
        (running(12), finished(13), running(13), EndEvent()),
        # Counted in the first job, and told all the same.
        (running(3), finished(3), finished(4), running(4), running(4), EndEvent()),
        # To be made anew.
        (running(5), finished(6), running(6), running(0), finished(1), running(1), EndEvent()),
    ],
)
def test_nothing_is_missed_where_all_events_come(events):
    assert not any(missed(*events))


def test_what_a_job_counts_and_nobody_told_is_missed_once():
    assert missed(running(0), finished(1), running(1), running(4), running(4), running(4)) == [
        *[0, 0, 0, 0],
        *[3, 0],
    ]


def test_what_was_missed_is_known_at_the_end():
    assert missed(running(0), finished(1), running(48), EndEvent()) == [0, 0, 0, 47]


def test_the_missed_are_those_that_were_finished_last():
    before = [unit(number, after_s=-number) for number in (1, 2, 3)]
    meanwhile = [unit(9, 5.0), unit(7, 6.0)]

    found = newest([*before, *meanwhile, unit(8, 7.0)], {8}, 2)

    assert [one.unit for one in found] == [7, 9]


def followed(display, units: list[UnitView], *events) -> None:
    feed: Feed = queue.SimpleQueue()
    for event in (*events, EndEvent()):
        feed.put(event)

    def find(told: set[int], known: int) -> list[UnitView]:
        return newest(units, told, len(units) - known)

    Follower(feed, display, find_untold=find).follow()


def lines(units: list[UnitView], *events) -> list[str]:
    out = io.StringIO()
    followed(PlainLines(out, io.StringIO(), Heading("shot.blend")), units, *events)
    return out.getvalue().splitlines()[1:]


def test_a_few_have_a_line_each():
    told = lines([unit(1), unit(2), unit(3)], running(0), finished(1), running(3))

    assert told[1:] == [
        "frame 2  2.0 s  (3 of 48, 4 to 6 min left)",
        "frame 3  2.0 s  (3 of 48, 4 to 6 min left)",
    ]


def test_many_have_one_line_together():
    units = [unit(number) for number in (1, *range(3, 31), 40)]

    told = lines(units, running(0), finished(1), running(30))

    assert told[1:] == ["frames 3-30,40  (30 of 48, 4 to 6 min left)"]


def test_one_that_is_found_before_its_event_comes_is_told_once():
    units = [unit(number) for number in range(1, 31)]

    told = lines(
        units, running(0), running(28), running(29), finished(29), running(30), finished(30)
    )

    assert told == ["frames 1-30  (29 of 48, 4 to 6 min left)"]


def test_those_of_before_are_not_told():
    units = [unit(number, after_s=number) for number in range(1, 31)]

    told = lines(units, running(12), finished(13), running(29), finished(30), running(30))

    assert told[1:] == [
        "frame 30  4.8 s  412 MiB  (30 of 48, 4 to 6 min left)",
        "frames 14-29  (30 of 48, 4 to 6 min left)",
    ]


def test_many_that_are_scattered_are_counted():
    units = [unit(number * number) for number in range(1, 31)]

    assert lines(units, running(0), running(30)) == [
        "30 frames between 1 and 900  (30 of 48, 4 to 6 min left)"
    ]


def test_those_that_are_not_found_are_counted():
    assert lines([], running(0), running(30)) == ["30 frames more  (30 of 48, 4 to 6 min left)"]


def test_programs_get_them_as_if_they_had_been_told():
    stream = io.StringIO()
    followed(JsonLines(stream, Heading("shot.blend")), [unit(2)], running(0), running(1))

    [line] = [line for line in stream.getvalue().splitlines() if '"event":"unit"' in line]
    assert '"kind":"render","unit":2,"state":"done","seconds":2.0' in line


def test_a_board_without_a_job_has_no_kind():
    stream = io.StringIO()
    JsonLines(stream, Heading("shot.blend")).missed(1, [unit(1)], Board())

    assert '"kind":""' in stream.getvalue()
