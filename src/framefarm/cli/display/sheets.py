"""Pages of facts: a label in front, the text beside it, wrapped. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from datetime import datetime

Fact = tuple[str, str]

_LABEL = 12


def facts_page(facts: Iterable[Fact], width: int) -> str:
    """Lines of labels and texts; a fact without a text is left out."""
    lines = []
    for label, text in facts:
        wrapped = textwrap.wrap(text, width - _LABEL, break_on_hyphens=False) if text else []
        for index, line in enumerate(wrapped):
            lines.append(f"{label if index == 0 else '':<{_LABEL}}{line}")
    return "\n".join(lines)


def when(at: datetime | None) -> str:
    """Local time, to the minute."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M") if at else "never"


def local(text: str | None, *, seconds: bool = False) -> str:
    """A time as the API says it, in the zone of this machine; empty for none.

    Args:
        seconds: To the second, and not to the minute.
    """
    if not text:
        return ""
    at = datetime.fromisoformat(text).astimezone()
    return at.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
