"""Which places the names in a .zip stand for, whichever system wrote them."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from framefarm.core.tree_paths import TreePathError, check_tree_path
from framefarm.core.zip_names import decoded, place_of


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("shot.blend", "shot.blend"),
        ("./shot.blend", "shot.blend"),
        ("././a/b.png", "a/b.png"),
        ("film\\maps\\wood.png", "film/maps/wood.png"),
        ("film\\maps/wood.png", "film/maps/wood.png"),
        ("cafe\u0301/a.png", "caf\u00e9/a.png"),
        ("..a/b..c", "..a/b..c"),
        ("maps/", None),
        ("maps\\", None),
        ("./", None),
        ("__MACOSX/._shot.blend", None),
        ("__MACOSX/film/._shot.blend", None),
        ("film/.DS_Store", None),
        ("film/._wood.png", None),
        ("film/Thumbs.db", None),
        ("film\\desktop.ini", None),
        ("film/__MACOSX.png", "film/__MACOSX.png"),
    ],
)
def test_names_of_all_systems_have_one_place(name: str, place: str | None):
    assert place_of(name) == place


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "//",
        "a//",
        "/etc/passwd",
        "\\windows\\system32",
        "\\\\server\\share\\a.png",
        "C:\\film\\a.png",
        "C:/film/a.png",
        "C:a.png",
        "c:",
        "../a",
        "..",
        "../",
        "..\\..\\a",
        "a/../../b",
        "a/./b",
        "a\\..\\b",
        "__MACOSX/../../a",
        "../.DS_Store",
        "a\0.png",
        "a\n.png",
        "a\u202e.png",
        "\ufeffa.png",
        "a" * 256,
        "e\u0301" * 200,
        "/".join(["a" * 99] * 11),
        "a.png:stream",
        "\udce4.png",
    ],
)
def test_names_that_lead_elsewhere_or_cannot_be_are_refused(name: str):
    with pytest.raises(TreePathError):
        place_of(name)


NAMES = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            ["..", ".", "", "a", "A", "C:", "~", "__MACOSX", "._a", "e\u0301", "\0", " ", "con"]
        ),
        max_size=6,
    ).flatmap(lambda parts: st.sampled_from(["/", "\\"]).map(lambda by: by.join(parts))),
)


@given(NAMES)
@example("\u1e9b\u0323/a")
@example("C:\\a")
def test_every_place_is_plainly_below_the_folder_on_every_system(name: str):
    try:
        place = place_of(name)
    except TreePathError:
        return
    if place is None:
        return
    check_tree_path(place)
    assert place_of(place) == place
    assert unicodedata.is_normalized("NFC", place)
    assert not {"", ".", ".."}.intersection(place.split("/"))
    posix, windows = PurePosixPath("/farm", place), PureWindowsPath("C:/farm", place)
    assert posix.is_relative_to("/farm")
    assert posix.as_posix() == f"/farm/{place}"
    assert windows.is_relative_to("C:/farm")
    assert windows.as_posix() == f"C:/farm/{place}"


@given(st.binary(max_size=40))
def test_bytes_without_a_flag_are_utf8_or_code_page_437(raw: bytes):
    name = decoded(raw.decode("cp437"), says_utf8=False)

    assert name in {raw.decode("cp437"), raw.decode("utf-8", errors="replace")}


def test_names_are_read_as_macos_and_windows_write_them():
    assert decoded("wände".encode().decode("cp437"), says_utf8=False) == "wände"
    assert decoded("wände".encode("cp437").decode("cp437"), says_utf8=False) == "wände"
    assert decoded("wände", says_utf8=True) == "wände"
