from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.naming import frame_name, movie_name, safe_name


# Every line was read off `render.frame_path()` of Blender 5.0.1.
@pytest.mark.parametrize(
    ("path", "frame", "extension", "name"),
    [
        ("//render/shot_####", 12, ".png", "shot_0012.png"),
        ("//render/shot_####", -12, ".png", "shot_-0012.png"),
        ("//render/shot_####", 123456, ".png", "shot_123456.png"),
        ("//render/shot", 12, ".png", "shot0012.png"),
        ("/out/", 12, ".png", "0012.png"),
        ("/out/", -12, ".png", "-0012.png"),
        ("//", 12, ".png", "0012.png"),
        ("", 12, ".png", "0012.png"),
        ("/out/a#b##c", 12, ".png", "a#b12c.png"),
        ("/out/a##/b", 12, ".png", "b0012.png"),
        ("/out/#", 12, ".png", "12.png"),
        ("/out/x_######", -12, ".png", "x_-000012.png"),
        ("/out/shot.png", 12, ".png", "shot.png0012.png"),
        ("/out/shot_####.png", 12, ".png", "shot_0012.png"),
        ("/out/shot_####.PNG", 12, ".png", "shot_0012.PNG"),
        ("/out/shot_####.exr", 12, ".png", "shot_0012.png"),
        ("/out/shot_####.foo", 12, ".png", "shot_0012.foo.png"),
        ("/out/s_####.v2", 12, ".png", "s_0012.v2.png"),
        ("/out/shot_####.jpeg", 3, ".jpg", "shot_0003.jpeg"),
        ("/out/s_##.jpe", 3, ".jpg", "s_03.jpe.jpg"),
        ("/out/shot_####.tiff", 3, ".tif", "shot_0003.tiff"),
        ("/out/shot_####.tiff", 3, ".png", "shot_0003.png"),
        ("/out/s_##.rgba", 3, ".rgb", "s_03.rgb"),
        ("/out/.png", 3, ".png", ".png0003.png"),
        ("/out/##.png", 3, ".png", "03.png"),
        ("/out/.", 3, ".png", ".0003.png"),
        ("C:\\render\\shot_", 3, ".png", "shot_0003.png"),
        ("/out/ä_##", 3, ".png", "ä_03.png"),
        ("/out/shot", 3, "", "shot0003"),
    ],
)
def test_frames_are_named_as_blender_names_them(path, frame, extension, name):
    assert frame_name(path, frame, extension) == name


@pytest.mark.parametrize(
    ("path", "first", "last", "extension", "name"),
    [
        ("/out/shot_", 1, 250, ".mp4", "shot_0001-0250.mp4"),
        ("/out/shot_####", 1, 250, ".mp4", "shot_0001-0250.mp4"),
        ("/out/##x", 1, 250, ".mp4", "01-250x.mp4"),
        ("/out/a##b#", 1, 9, ".mp4", "a##b1-9.mp4"),
        ("/out/", 1, 250, ".mkv", "0001-0250.mkv"),
        ("/out/shot.mp4", 1, 250, ".mp4", "shot.mp4"),
        ("/out/shot_##.mp4", 1, 250, ".mp4", "shot_##.mp4"),
        ("/out/x.MP4", 1, 250, ".mp4", "x.mp4"),
        ("/out/shot.mp4", 1, 250, ".mkv", "shot.mp40001-0250.mkv"),
        ("/out/shot_##.mp4", 1, 250, ".mkv", "shot_01-250.mp4.mkv"),
        ("/out/shot.foo", 7, 7, ".webm", "shot.foo0007-0007.webm"),
        ("/out/shot_", 0, 100000, ".mov", "shot_0000-100000.mov"),
    ],
)
def test_movies_are_named_as_blender_names_them(path, first, last, extension, name):
    assert movie_name(path, first, last, extension) == name


@given(st.text(), st.integers(-1_048_574, 1_048_574), st.sampled_from([".png", ".exr", ""]))
def test_no_output_path_leads_into_another_folder(path, frame, extension):
    for name in (frame_name(path, frame, extension), movie_name(path, frame, frame, ".mp4")):
        assert name not in {"", ".", ".."}
        assert not set(name) & set("/\\\0\n\r\t")
        name.encode()


@given(st.text(st.characters(exclude_characters="/\\#"), max_size=20), st.data())
def test_different_frames_have_different_names(stem, data):
    one, two = data.draw(st.lists(st.integers(-99999, 99999), min_size=2, max_size=2, unique=True))
    assert frame_name(f"{stem}##", one, ".png") != frame_name(f"{stem}##", two, ".png")


@pytest.mark.parametrize("name", ["shot_010", "Fuchs läuft", "a.b-c (2)", "場面", "_", "commander"])
def test_a_good_name_stays_as_it_is(name):
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "unnamed"),
        (" .. ", "unnamed"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a/b\\c:d", "a_b_c_d"),
        ("tab\there\x00", "tab_here_"),
        ("evil\u202egnp.exe", "evil_gnp.exe"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("LPT1", "_LPT1"),
        ("name. ", "name"),
        ("\ud800", "_"),
    ],
)
def test_a_bad_name_is_made_good(text, name):
    assert safe_name(text) == name


@given(st.text(max_size=300))
def test_every_text_gives_a_name_that_stays_when_made_safe_again(text):
    name = safe_name(text)

    assert 1 <= len(name.encode()) <= 100
    assert not set(name) & set('/\\:*?"<>|\0')
    assert name == name.strip(" .")
    assert safe_name(name) == name


def test_long_names_that_differ_at_their_end_stay_different():
    one, two = safe_name("x" * 200 + "1"), safe_name("x" * 200 + "2")
    assert one != two
    assert len(one) == 100
