"""Deadlines as people type them. Pure."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from framefarm.core.errors import FrameFarmError

_FROM_NOW = re.compile(r"\+(\d{1,5})(m|min|h|d)")
_TIME = re.compile(r"\d{1,2}:\d\d")
_FIRST_YEAR, _LAST_YEAR = 2000, 2999
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}


class DeadlineError(FrameFarmError):
    """A deadline that is not to be understood."""

    code = "bad_deadline"


def parse_deadline(text: str, now: datetime) -> datetime:
    """Read `2026-12-01T18:00`, `18:00` (the next there is), or `+90min`, `+4h`, `+2d`.

    Args:
        now: With its zone.

    Returns:
        Without a zone where none was written: local time, by the rules of that day, which may not
        be those of today.

    Raises:
        DeadlineError: It is none of these.
    """
    text = text.strip()
    try:
        if found := _FROM_NOW.fullmatch(text):
            return now + timedelta(**{_UNITS[found[2]]: int(found[1])})
        if _TIME.fullmatch(text):
            return _next(time.fromisoformat(text.zfill(5)), now.replace(tzinfo=None))
        return in_our_time(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise DeadlineError(
            f"{text!r} is no deadline; write it like 2026-12-01T18:00, 18:00, +4h, +90min or +2d."
        ) from None


def in_our_time(at: datetime) -> datetime:
    """The same; one of the first or the last year there is has no time in other zones.

    Raises:
        ValueError: No job is to be done then.
    """
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise ValueError(f"the year is not from {_FIRST_YEAR} to {_LAST_YEAR}")
    return at


def _next(at: time, now: datetime) -> datetime:
    today = datetime.combine(now.date(), at)
    return today if today > now else today + timedelta(days=1)
