"""Deadlines as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from framefarm.core.deadlines import DeadlineError, parse_deadline

HERE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=HERE)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        # Without a zone: local time, by the rules of that day and not of today.
        ("2026-12-01T18:00", datetime(2026, 12, 1, 18, 0)),  # noqa: DTZ001
        (" 2026-12-01 18:00 ", datetime(2026, 12, 1, 18, 0)),  # noqa: DTZ001
        ("18:00", datetime(2026, 11, 30, 18, 0)),  # noqa: DTZ001
        ("9:30", datetime(2026, 12, 1, 9, 30)),  # noqa: DTZ001
        ("12:00", datetime(2026, 12, 1, 12, 0)),  # noqa: DTZ001
        ("2026-12-01T18:00+00:00", datetime(2026, 12, 1, 18, 0, tzinfo=UTC)),
        ("+4h", NOW + timedelta(hours=4)),
        ("+90min", NOW + timedelta(minutes=90)),
        ("+90m", NOW + timedelta(minutes=90)),
        ("+2d", NOW + timedelta(days=2)),
    ],
)
def test_a_deadline_is_a_time_or_so_long_from_now(typed: str, meant: datetime):
    found = parse_deadline(typed, NOW)

    assert (found, found.tzinfo is None) == (meant, meant.tzinfo is None)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "soon",
        "4h",
        "+h",
        "+4w",
        "2026-13-01T18:00",
        "25:00",
        "+999999d",
        "0001-01-01",
        "9999-12-31T23:59",
    ],
)
def test_what_is_no_deadline_is_refused_with_how_to_write_one(typed: str):
    with pytest.raises(DeadlineError, match=r"write it like 2026-12-01T18:00, 18:00, \+4h"):
        parse_deadline(typed, NOW)
