"""The hours a worker works in: `19:00-07:00`, or several, `12:00-13:00,19:00-07:00`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framefarm.core.errors import FrameFarmError

if TYPE_CHECKING:
    from datetime import datetime

_RANGE = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_DAY = 24 * 60
_MAX_RANGES = 24


class HoursError(FrameFarmError):
    """Hours make no sense."""

    code = "hours"


@dataclass(frozen=True, slots=True)
class Hours:
    """Times of the day, every day.

    Attributes:
        ranges: First and last minute of the day; the last does not belong. A range whose end is not
            after its start goes over midnight.
    """

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Read ranges of hours and minutes, parted by commas.

        Raises:
            HoursError: They are none.
        """
        pieces = text.split(",")
        if len(pieces) > _MAX_RANGES:
            raise HoursError(f"Hours: at most {_MAX_RANGES} ranges, not {len(pieces)}")
        return cls(tuple(_range(piece, text) for piece in pieces))

    def contain(self, now: datetime) -> bool:
        """Whether a time, of this place, lies in one of the ranges."""
        minute = now.hour * 60 + now.minute
        return any(_contains(start, end, minute) for start, end in self.ranges)

    def next_start(self, now: datetime) -> str:
        """When the next range begins, as `19:00`."""
        minute = now.hour * 60 + now.minute
        start = min((start for start, _ in self.ranges), key=lambda at: (at - minute - 1) % _DAY)
        return f"{start // 60:02d}:{start % 60:02d}"

    def __str__(self) -> str:
        return ",".join(
            f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}" for a, b in self.ranges
        )


def _contains(start: int, end: int, minute: int) -> bool:
    if start < end:
        return start <= minute < end
    return minute >= start or minute < end


def _range(piece: str, text: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(piece.strip())
    if match is None:
        raise HoursError(
            f'Hours "{text[:80]}": write them like 19:00-07:00 or 12:00-13:00,20:00-24:00'
        )
    start, end = (_minute(match[at], match[at + 1], text) for at in (1, 3))
    if start in (end, _DAY):
        raise HoursError(f'Hours "{text[:80]}": {piece.strip()} is no time at all')
    return start, end


def _minute(hour: str, minute: str, text: str) -> int:
    at = int(hour) * 60 + int(minute)
    if int(minute) > 59 or at > _DAY:  # noqa: PLR2004  minutes of an hour
        raise HoursError(f'Hours "{text[:80]}": {hour}:{minute} is no time of the day')
    return at
