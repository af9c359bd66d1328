"""Sizes of memory and disks as people type them."""

from __future__ import annotations

import re

from framefarm.core.errors import FrameFarmError
from framefarm.core.listing import plural

GIB = 1 << 30
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": GIB, "T": 1 << 40}
_SIZE = re.compile(
    r"(\d{1,12}(?:\.\d{1,6})?)\s*(?:(%)|([KMGT]?)(?:I?B)?)", re.ASCII | re.IGNORECASE
)
_SHOWN = 40
_LEAST_MEMORY_BYTES = 64 << 20
"""An empty Blender takes more than that."""


class SizeError(FrameFarmError):
    """A text that is no size, or none that will do.

    Attributes:
        text: What was typed.
    """

    code = "bad_size"

    def __init__(self, text: str, problem: str) -> None:
        shown = "".join(char if char.isprintable() else "?" for char in text[:_SHOWN])
        super().__init__(f'"{shown}" {problem}')
        self.text = text


def parse_size(text: str, *, whole_bytes: int | None = None) -> int:
    """Read a size: `512M`, `16 GiB`, `1.5T` or plain bytes. Units are powers of 1,024.

    Args:
        text: What was typed.
        whole_bytes: What `75%` is a share of; None where shares make no sense.

    Returns:
        Bytes, at least 1.

    Raises:
        SizeError: The text is no size, or nothing.
    """
    match = _SIZE.fullmatch(text.strip())
    size_bytes = 0
    if match and not match[2]:
        size_bytes = int(float(match[1]) * _UNITS[match[3].upper()])
    elif match and whole_bytes is not None:
        size_bytes = int(float(match[1]) * whole_bytes / 100)
    if size_bytes < 1:
        such = "512M, 16G or 1.5T" if whole_bytes is None else "512M, 8G or 75%"
        raise SizeError(text, f"is no size; write such as {such}.")
    return size_bytes


def told_size(size_bytes: float) -> str:
    """`512 bytes`, `412 MiB`, `1.25 GiB`: powers of 1,024, as `parse_size` reads them."""
    least = 1_000
    if size_bytes < least:
        return plural(round(size_bytes), "byte")
    value = float(size_bytes)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1 << 10
        if value < least:
            return f"{_short(value)} {unit}"
    return f"{_short(value / (1 << 10))} TiB"


def _short(value: float) -> str:
    """Three digits, less where the last ones are none."""
    digits = 2 if value < 10 else 1 if value < 100 else 0  # noqa: PLR2004
    told = f"{value:,.{digits}f}"
    return told.rstrip("0").rstrip(".") if digits else told


def parse_memory_limit(text: str, total_bytes: int) -> int:
    """Read how much memory a slot may take: a size, or a share such as `75%`.

    Args:
        text: What was typed.
        total_bytes: What the machine has.

    Returns:
        Bytes.

    Raises:
        SizeError: It is none, too little for any render, or more than the machine has.
    """
    size_bytes = parse_size(text, whole_bytes=total_bytes)
    if size_bytes < _LEAST_MEMORY_BYTES:
        raise SizeError(text, "is too little memory: an empty Blender takes more than 64 MiB.")
    if size_bytes > total_bytes:
        has = f"{total_bytes / _UNITS['G']:.1f} GiB"
        raise SizeError(text, f"is more memory than this machine has, {has}.")
    return size_bytes
