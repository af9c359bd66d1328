from __future__ import annotations

import pytest

from framefarm.core.memory_size import MemorySizeError, parse_memory

GIB = 1 << 30


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("8G", 8 * GIB),
        ("8g", 8 * GIB),
        ("8 GiB", 8 * GIB),
        ("8GB", 8 * GIB),
        ("1.5G", 3 * GIB // 2),
        ("512M", GIB // 2),
        ("75%", 12 * GIB),
        ("100%", 16 * GIB),
    ],
)
def test_amounts_and_shares_are_read(text, size_bytes):
    assert parse_memory(text, 16 * GIB) == size_bytes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no amount"),
        ("8", "is no amount"),
        ("-8G", "is no amount"),
        ("lots", "is no amount"),
        ("1M", "is too little"),
        ("0%", "is too little"),
        ("17G", "more than this machine has, 16.0 GiB"),
        ("101%", "more than this machine has"),
    ],
)
def test_anything_else_is_refused_with_the_reason(text, reason):
    with pytest.raises(MemorySizeError, match=reason):
        parse_memory(text, 16 * GIB)
