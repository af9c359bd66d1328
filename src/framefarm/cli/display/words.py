"""Times, sizes and counts as people read them."""

from __future__ import annotations

import math
from pathlib import Path

from framefarm.core import listing

_MINUTE = 60
_HOUR = 3600
_DAY = 86_400

plural = listing.plural


def duration(seconds: float) -> str:
    """`0.8 s`, `41 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`; rounded, never negative."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:  # noqa: PLR2004  a tenth matters below ten seconds
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def size(count: float) -> str:
    """`512 B`, `4.2 kB`, `412 MB`, `1.3 GB`: powers of 1,000, as file managers count."""
    if count < 1000:  # noqa: PLR2004  see above
        return f"{count:.0f} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5:  # noqa: PLR2004  else it would show as 1000
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"  # noqa: PLR2004
    return f"{value / 1000:.1f} TB"


def memory(count: float) -> str:
    """`412 MiB`, `1.3 GiB`: powers of 1,024, as Blender shows memory."""
    mib = count / (1 << 20)
    return f"{mib:.0f} MiB" if mib < 1023.5 else f"{mib / 1024:.1f} GiB"  # noqa: PLR2004


def time_left(low_s: float, high_s: float) -> str:
    """An honest range: `4 to 6 min left`, `about 2 min left`, `20 to 35 s left`.

    The low end is rounded down and the high end up, so that the words never promise more than the
    numbers do. Beyond two minutes the unit is minutes, beyond two hours hours.
    """
    low_s, high_s = max(0.0, min(low_s, high_s)), max(0.0, low_s, high_s)
    if high_s <= 2 * _MINUTE:
        low, high, unit = _fives(low_s, math.floor), _fives(high_s, math.ceil), "s"
    elif high_s <= 2 * _HOUR:
        low, high, unit = math.floor(low_s / _MINUTE), math.ceil(high_s / _MINUTE), "min"
    else:
        low, high, unit = math.floor(low_s / _HOUR), math.ceil(high_s / _HOUR), "h"
    if high == 0:
        return "a moment left"
    if low == 0:
        return f"up to {high} {unit} left"
    return f"about {high} {unit} left" if low == high else f"{low} to {high} {unit} left"


def _fives(seconds: float, cut: type[int] | object) -> int:
    """Seconds in steps of five; single seconds would only flicker."""
    rounded = cut(seconds / 5) * 5  # type: ignore[operator]
    return int(rounded)


def place(path: Path | str) -> str:
    """A path from the home folder as `~/...`, so that it takes less of a line."""
    whole = str(path)
    home = str(Path.home())
    if home != "/" and whole.startswith(home + "/"):
        return "~" + whole[len(home) :]
    return whole


def shortened(text: str, width: int) -> str:
    """A text of one line cut in its middle, where least is lost of a path or a name."""
    text = " ".join(text.split())
    if len(text) <= width:
        return text
    head = (width - 1) // 3
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"
