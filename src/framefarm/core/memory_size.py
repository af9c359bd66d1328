"""Amounts of memory as people write them: `8G`, `1.5G`, `512M`, `75%`. Pure."""

from __future__ import annotations

import re

from framefarm.core.errors import FrameFarmError

_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(?:([KMGT])(?:I?B)?|(%))", re.IGNORECASE)
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_LEAST_BYTES = 64 << 20
"""An empty Blender takes more than that."""


class MemorySizeError(FrameFarmError):
    """An amount of memory makes no sense."""

    code = "memory_size"


def parse_memory(text: str, total_bytes: int) -> int:
    """Bytes of memory; 1G is 1024 MiB.

    Args:
        text: As above.
        total_bytes: What the machine has, for percents.

    Raises:
        MemorySizeError: It is none, too little for any render, or more than the machine has.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise MemorySizeError(f'Memory "{text[:80]}" is no amount; write it like 8G, 512M or 75%')
    share = total_bytes / 100 if match[3] else _UNITS[match[2].upper()]
    size_bytes = int(float(match[1]) * share)
    if size_bytes < _LEAST_BYTES:
        raise MemorySizeError(
            f'Memory "{text}" is too little: an empty Blender takes more than 64 MiB'
        )
    if size_bytes > total_bytes:
        has = f"{total_bytes / _UNITS['G']:.1f} GiB"
        raise MemorySizeError(f'Memory "{text}" is more than this machine has, {has}')
    return size_bytes
