"""How large a trial's image becomes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from framefarm.agent.executors.trial import image_size


@given(st.integers(1_000, 100_000_000))
def test_noise_of_the_size_is_about_as_large_as_asked(image_bytes: int):
    width, height = image_size(image_bytes)

    assert abs(width * height * 3 - image_bytes) <= 200 + 3 * (width + height)


@given(st.integers(1, 1 << 50))
def test_sides_are_always_possible(image_bytes: int):
    assert all(1 <= side <= 16_384 for side in image_size(image_bytes))
