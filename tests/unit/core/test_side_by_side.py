"""Names under which files of different origin can lie side by side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.side_by_side import SideBySide
from framefarm.core.tree_paths import check_tree_paths


def taken(*names: str) -> list[str]:
    places = SideBySide()
    return [places.take(name, "v1") for name in names]


@pytest.mark.parametrize(
    ("first", "second", "becomes"),
    [
        ("a.png", "b.png", "b.png"),
        ("a.png", "a.png", "v1/a.png"),
        ("a.png", "A.PNG", "v1/A.PNG"),
        ("caf\u00e9.png", "cafe\u0301.png", "v1/cafe\u0301.png"),
        ("a", "a/b.png", "v1/a/b.png"),
        ("A/b.png", "a", "v1/a"),
        ("v1", "V1", "v1-2/V1"),
    ],
)
def test_who_comes_later_moves_into_a_folder(first: str, second: str, becomes: str):
    assert taken(first, second) == [first, becomes]


def test_third_of_a_name_moves_into_the_next_folder():
    assert taken("a", "A", "a", "v1/a") == ["a", "v1/A", "v1-2/a", "v1/v1/a"]


PARTS = st.sampled_from(["a", "A", "b", "v1", "V1", "v1-2", "e\u0301", "\u00e9"])
NAMES = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@given(st.lists(NAMES, max_size=12))
def test_any_names_lie_side_by_side_and_keep_their_last_parts(names: list[str]):
    places = taken(*names)

    check_tree_paths(places)
    for name, place in zip(names, places, strict=True):
        assert place == name or place.endswith(f"/{name}")
