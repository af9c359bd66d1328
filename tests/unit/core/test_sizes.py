"""Sizes as people type them."""

from __future__ import annotations

import pytest

from framefarm.core.sizes import SizeError, parse_size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("512M", 512 << 20),
        ("16G", 16 << 30),
        (" 16 GiB ", 16 << 30),
        ("1.5t", 3 << 39),
        ("2kb", 2048),
        ("4096", 4096),
    ],
)
def test_sizes_are_read_in_powers_of_1024(text: str, size_bytes: int):
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    "text", ["", "G", "-1G", "0", "0.0000001K", "16X", "1e9", "1 2G", "9" * 50]
)
def test_anything_else_is_refused_with_an_example(text: str):
    with pytest.raises(SizeError, match="write such as 512M") as told:
        parse_size(text)

    assert told.value.text == text
