"""Deadlines as people type them. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from framefarm.core.errors import FrameFarmError

_FROM_NOW = re.compile(r"\+(\d{1,5})(m|min|h|d)")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}


class DeadlineError(FrameFarmError):
    """A deadline that is not to be understood."""

    code = "bad_deadline"


def parse_deadline(text: str, now: datetime) -> datetime:
    """Read `2026-12-01T18:00`, in `now`'s zone unless it names one, or `+90min`, `+4h`, `+2d`.

    Args:
        now: With its zone.

    Raises:
        DeadlineError: It is neither.
    """
    found = _FROM_NOW.fullmatch(text.strip())
    try:
        if found is not None:
            return now + timedelta(**{_UNITS[found[2]]: int(found[1])})
        at = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise DeadlineError(
            f"{text!r} is no deadline; write it like 2026-12-01T18:00, +4h, +90min or +2d."
        ) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=now.tzinfo)
