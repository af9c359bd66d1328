"""Naming the first of many things in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def first_of(names: Sequence[str], *, most: int = 10) -> str:
    """`a, b, c`, and `, ...` where there are more than `most`."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
