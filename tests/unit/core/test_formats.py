from __future__ import annotations

import pytest

from framefarm.core.formats import (
    EXTENSIONS,
    FormatError,
    Resolution,
    parse_resolution,
    parse_still_format,
)


@pytest.mark.parametrize("name", sorted(EXTENSIONS))
def test_blenders_own_names_are_read_in_any_case(name):
    assert parse_still_format(name) == name
    assert parse_still_format(f" {name.lower()} ") == name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("exr", "OPEN_EXR"),
        ("Jpg", "JPEG"),
        (".tif", "TIFF"),
        ("tga", "TARGA"),
        ("jp2", "JPEG2000"),
        ("multilayer", "OPEN_EXR_MULTILAYER"),
        ("open-exr multilayer", "OPEN_EXR_MULTILAYER"),
        ("cin", "CINEON"),
        ("sgi", "IRIS"),
    ],
)
def test_short_names_are_read(typed, name):
    assert parse_still_format(typed) == name


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("pgn", "did you mean PNG?"),
        ("xyzzy", "use PNG, JPEG"),
        ("", "use PNG, JPEG"),
        ("mp4", "is a movie, not a still format"),
        ("\x07" * 5000, "??..."),
    ],
)
def test_an_unknown_format_is_refused_with_a_remedy(typed, said):
    with pytest.raises(FormatError) as refusal:
        parse_still_format(typed)
    assert said in str(refusal.value)
    assert refusal.value.text == typed
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize(
    ("typed", "resolution"),
    [
        ("1920x1080", Resolution(1920, 1080)),
        (" 640 X 360 ", Resolution(640, 360)),
        ("4*65536", Resolution(4, 65536)),
        ("50%", Resolution(percentage=50)),
        ("1000 %", Resolution(percentage=1000)),
    ],
)
def test_sizes_are_read(typed, resolution):
    assert parse_resolution(typed) == resolution


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "1920",
        "x",
        "1920x",
        "3x1080",
        "1920x65537",
        "0%",
        "1001%",
        "%",
        "-5%",
        "9" * 5000,
        "٣x٣",
        "1920x1080x2",
        "1e3x9",
    ],
)
def test_what_is_no_size_is_refused(typed):
    with pytest.raises(FormatError, match="Resolution"):
        parse_resolution(typed)


def test_a_share_is_of_the_scenes_size_and_rounds_down():
    assert Resolution(percentage=33).of(1921, 1080) == (633, 356)
    assert Resolution(640, 360).of(1920, 1080) == (640, 360)
