"""Things and how many there are of them, in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def first_of(names: Sequence[str], *, most: int = 10) -> str:
    """`a, b, c`, and `, ...` where there are more than `most`."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def plural(count: int, word: str) -> str:
    """`1 frame`, `48 frames`, `1,000,000 frames`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def are(count: int) -> str:
    """`is` of one, `are` of any other number."""
    return "is" if count == 1 else "are"
