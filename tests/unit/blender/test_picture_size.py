from __future__ import annotations

import pytest

from framefarm.blender.driver.picture_size import picture_size


@pytest.mark.parametrize(
    ("resolution", "percentage", "size"),
    [
        ((1920, 1080), 100, (1920, 1080)),
        ((1920, 1080), 33, (633, 356)),
        ((101, 51), 50, (50, 25)),
        ((3, 3), 1, (0, 0)),
    ],
)
def test_a_percentage_cuts_to_whole_pixels(
    resolution: tuple[int, int], percentage: int, size: tuple[int, int]
) -> None:
    assert picture_size(resolution, percentage) == size


def test_a_cropped_size_is_the_difference_of_two_edges() -> None:
    # 0.25 to 0.75 of 101 is 25 to 75, not half of 101 rounded either way.
    assert picture_size((101, 101), 100, (0.25, 0.75, 0.0, 1.0)) == (50, 101)


def test_edges_are_float32_products() -> None:
    # 0.1 as float32 times 1000 is 100.0000015, which float32 rounds to 100 exactly; as a
    # decimal it could be 99.
    assert picture_size((1000, 1000), 100, (0.10000000149011612, 1.0, 0.0, 1.0)) == (900, 1000)
