from __future__ import annotations

from datetime import UTC, datetime

import pytest

from framefarm.core.hours import Hours, HoursError


def at(text: str) -> datetime:
    hour, minute = text.split(":")
    return datetime(2026, 3, 29, int(hour), int(minute), tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("9:00-17:00", ["09:00", "12:34", "16:59"], ["08:59", "17:00", "00:00"]),
        ("19:00-07:00", ["19:00", "23:59", "00:00", "06:59"], ["07:00", "12:00", "18:59"]),
        ("12:00-13:00,19:00-7:00", ["12:30", "03:00"], ["13:00", "11:59", "18:00"]),
        ("18:00-24:00", ["18:00", "23:59"], ["00:00", "17:59"]),
        ("00:00-24:00", ["00:00", "12:00", "23:59"], []),
        ("23:00-00:00", ["23:30"], ["00:00", "22:59"]),
    ],
)
def test_time_lies_inside_from_the_first_minute_to_before_the_last(hours, inside, outside):
    read = Hours.parse(hours)

    assert [time for time in inside if not read.contain(at(time))] == []
    assert [time for time in outside if read.contain(at(time))] == []


@pytest.mark.parametrize(
    ("now", "start"),
    [("07:00", "12:00"), ("12:30", "19:00"), ("18:59", "19:00"), ("20:00", "12:00")],
)
def test_next_start_is_the_one_to_come(now, start):
    assert Hours.parse("12:00-13:00,19:00-07:00").next_start(at(now)) == start


def test_hours_are_shown_as_they_can_be_written():
    assert str(Hours.parse("9:00 - 17:30, 19:00-07:00")) == "09:00-17:30,19:00-07:00"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "write them like"),
        ("19-7", "write them like"),
        ("19:00", "write them like"),
        ("19:00-07:00,", "write them like"),
        ("25:00-07:00", "25:00 is no time of the day"),
        ("19:60-07:00", "19:60 is no time of the day"),
        ("24:30-07:00", "24:30 is no time of the day"),
        ("07:00-07:00", "is no time at all"),
        ("24:00-07:00", "is no time at all"),
        (",".join(["01:00-02:00"] * 25), "at most 24 ranges"),
    ],
)
def test_what_are_no_hours_is_refused_with_the_reason(text, reason):
    with pytest.raises(HoursError, match=reason):
        Hours.parse(text)
