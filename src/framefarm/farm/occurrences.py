"""Something that happened to something, and that somebody may want to know."""

from __future__ import annotations

from dataclasses import dataclass

from framefarm.core.notices import Notice


@dataclass(frozen=True)
class Occurrence:
    """Something that happened to something.

    Attributes:
        key: Names it, the same whenever it is found.
        subject: What it happened to.
        owner: Whose job, or quota, it is.
    """

    key: str
    subject: str
    notice: Notice
    owner: str = ""
