"""What a check found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What, for example `python` or `blender 5.0.1`.
        ok: Whether it is as it should be.
        text: What was found, one line.
        mend: The command that mends it, or what to do; empty when nothing is to be done.
    """

    name: str
    ok: bool
    text: str
    mend: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def good(name: str, text: str) -> Finding:
    """Something that is as it should be."""
    return Finding(name, ok=True, text=text)


def fault(name: str, text: str, mend: str) -> Finding:
    """Something that is to be mended."""
    return Finding(name, ok=False, text=text, mend=mend)
