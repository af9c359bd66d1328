"""Sizes as people type them, and as they are told."""

from __future__ import annotations

import pytest

from framefarm.core.sizes import GIB, SizeError, parse_memory_limit, parse_size, told_size


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
    assert parse_size(text, whole_bytes=16 * GIB) == size_bytes


@pytest.mark.parametrize(
    "text", ["", "G", "-1G", "0", "0.0000001K", "16X", "1e9", "1 2G", "9" * 50, "75%", "8G%"]
)
def test_anything_else_is_refused_with_an_example(text: str):
    with pytest.raises(SizeError, match="write such as 512M") as told:
        parse_size(text)

    assert told.value.text == text


@pytest.mark.parametrize(("text", "size_bytes"), [("75%", 12 * GIB), ("12.5 %", 2 * GIB)])
def test_shares_are_read_where_there_is_something_to_share(text: str, size_bytes: int):
    assert parse_size(text, whole_bytes=16 * GIB) == size_bytes


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("8G", 8 * GIB), ("8 gib", 8 * GIB), ("512M", GIB // 2), ("75%", 12 * GIB)],
)
def test_a_limit_of_memory_is_a_size_or_a_share(text: str, size_bytes: int):
    assert parse_memory_limit(text, 16 * GIB) == size_bytes


def test_all_the_memory_there_is_may_be_the_limit():
    assert parse_memory_limit("100%", 16 * GIB) == parse_memory_limit("16G", 16 * GIB)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no size; write such as 512M, 8G or 75%"),
        ("-8G", "is no size"),
        ("lots", "is no size"),
        ("0%", "is no size"),
        ("8", "is too little"),
        ("1M", "is too little"),
        ("0.1%", "is too little"),
        ("17G", "more memory than this machine has, 16.0 GiB"),
        ("101%", "more memory than this machine has"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_with_the_reason(text: str, reason: str):
    with pytest.raises(SizeError, match=reason):
        parse_memory_limit(text, 16 * GIB)


@pytest.mark.parametrize(
    ("size_bytes", "told"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "0.98 KiB"),
        (1_536, "1.5 KiB"),
        (300 << 20, "300 MiB"),
        (1_100 << 20, "1.07 GiB"),
        (8 << 30, "8 GiB"),
        (8_955_000_000, "8.34 GiB"),
        (50 << 30, "50 GiB"),
        (12_900_000_000, "12 GiB"),
        (3 << 40, "3 TiB"),
        (5_000 << 40, "5,000 TiB"),
    ],
)
def test_sizes_are_told_in_three_digits(size_bytes: int, told: str):
    assert told_size(size_bytes) == told
