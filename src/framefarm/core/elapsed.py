"""How long ago something was, as people say it. Pure."""

from __future__ import annotations

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def ago(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h`, `5 d`: how long ago, in one unit. It is the same in every zone."""
    for unit_s, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit_s:
            return f"{int(seconds // unit_s)} {unit}"
    return f"{int(max(0.0, seconds))} s"
