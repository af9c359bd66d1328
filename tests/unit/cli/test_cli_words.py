from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.cli.display import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (270_000, "3 d 3 h"),
    ],
)
def test_durations_are_rounded_to_what_matters(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (4_200, "4.2 kB"), (999_600, "1.0 MB"), (1.3e9, "1.3 GB")],
)
def test_file_sizes_count_in_thousands(count, text):
    assert words.size(count) == text


def test_memory_counts_in_1024():
    assert words.memory(412 << 20) == "412 MiB"
    assert words.memory(3 << 29) == "1.5 GiB"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0, 0, "a moment left"),
        (0, 3, "up to 5 s left"),
        (21, 33, "20 to 35 s left"),
        (40, 40, "about 40 s left"),
        (100, 200, "1 to 4 min left"),
        (250, 350, "4 to 6 min left"),
        (241, 300, "4 to 5 min left"),
        (4000, 9000, "1 to 3 h left"),
        (9000, 4000, "1 to 3 h left"),
    ],
)
def test_the_time_left_is_a_range(low, high, text):
    assert words.time_left(low, high) == text


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_words_never_promise_more_than_the_numbers(a, b):
    low, high = min(a, b), max(a, b)
    numbers = [int(word) for word in words.time_left(low, high).split() if word.isdigit()]
    unit = {"s": 1, "min": 60, "h": 3600}.get(words.time_left(low, high).split()[-2], 1)

    assert (numbers[-1] if numbers else 0) * unit >= high - 1e-6
    if len(numbers) == 2:
        assert numbers[0] * unit <= low + 1e-6


def test_one_is_singular_and_thousands_are_grouped():
    assert words.plural(1, "frame") == "1 frame"
    assert words.plural(1_000_000, "frame") == "1,000,000 frames"


def test_a_path_in_the_home_folder_is_short():
    assert words.place(Path.home() / "shot") == "~/shot"
    assert words.place(Path("/srv/shot")) == "/srv/shot"


@given(st.text(max_size=200), st.integers(8, 100))
def test_a_shortened_text_fits_on_one_line(text, width):
    short = words.shortened(text, width)

    assert len(short) <= width
    assert "\n" not in short
