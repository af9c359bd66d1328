"""Which names the files of a project may have."""

from __future__ import annotations

import pytest

from framefarm.core.tree_paths import TreePathError, check_tree_path, check_tree_paths


@pytest.mark.parametrize(
    "path",
    ["shot.blend", "a/b/c.png", "wood 01.png", "tür/wände.<UDIM>.png", "a" * 255, "..a/b..c"],
)
def test_plain_names_are_taken(path: str):
    check_tree_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "a//b",
        "a/",
        "../a",
        "a/../../b",
        "./a",
        "a\\..\\b",
        "C:/a",
        "a:stream",
        "a\0b",
        "a\nb",
        "a\u202eb",
        "\udcff",
        "a" * 256,
        "é" * 128,
        "/".join(["a" * 99] * 11),
    ],
)
def test_names_that_lead_elsewhere_or_cannot_be_are_refused(path: str):
    with pytest.raises(TreePathError):
        check_tree_path(path)


def test_refused_name_is_told_as_it_is_written_but_for_what_cannot_be_seen():
    with pytest.raises(TreePathError, match=r"'tür\\u202e/wände\.png'"):
        check_tree_path("tür\u202e/wände.png")


@pytest.mark.parametrize(
    "paths",
    [
        ("a.png", "a.png"),
        ("Wood.png", "wood.PNG"),
        ("caf\u00e9.png", "cafe\u0301.png"),
        ("a", "a/b"),
        ("A/b/c", "a/B"),
    ],
)
def test_two_names_for_one_place_are_refused(paths: tuple[str, ...]):
    with pytest.raises(TreePathError, match="would be"):
        check_tree_paths(paths)
    check_tree_paths(["a/b", "a/c", "b"])
