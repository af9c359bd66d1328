"""Sizes of memory and disks as people type them."""

from __future__ import annotations

import re

from framefarm.core.errors import FrameFarmError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([KMGT]?)(?:I?B)?", re.ASCII | re.IGNORECASE)
_SHOWN = 40


class SizeError(FrameFarmError):
    """A text that is no size.

    Attributes:
        text: What was typed.
    """

    code = "bad_size"

    def __init__(self, text: str) -> None:
        shown = "".join(char if char.isprintable() else "?" for char in text[:_SHOWN])
        super().__init__(f'"{shown}" is no size; write such as 512M, 16G or 1.5T.')
        self.text = text


def parse_size(text: str) -> int:
    """Read a size: `512M`, `16 GiB`, `1.5T` or plain bytes. Units are powers of 1,024.

    Returns:
        Bytes, at least 1.

    Raises:
        SizeError: The text is no size, or nothing.
    """
    match = _SIZE.fullmatch(text.strip())
    size_bytes = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size_bytes < 1:
        raise SizeError(text)
    return size_bytes
