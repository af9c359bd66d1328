"""Tags, by which jobs say which workers may do them. Pure."""

from __future__ import annotations

import re

from framefarm.core.errors import FrameFarmError

PATTERN = r"^[a-z0-9][a-z0-9._-]{0,39}$"
_TAG = re.compile(PATTERN)


class TagError(FrameFarmError, ValueError):
    """A text is no tag.

    Attributes:
        text: What was given.
    """

    code = "bad_tag"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} is no tag; use up to 40 letters a to z, digits, dots, dashes and "
            "underscores, and begin with a letter or digit"
        )
        self.text = text


def parse_tags(text: str) -> list[str]:
    """Read tags parted by commas, such as `Fast,studio-2`; they are in small letters.

    Raises:
        TagError: One of them is none, or there is none at all.
    """
    tags = [tag.strip().lower() for tag in text.split(",") if tag.strip()]
    for tag in tags or [text]:
        if not _TAG.match(tag):
            raise TagError(tag)
    return tags
