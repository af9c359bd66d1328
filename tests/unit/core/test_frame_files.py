"""A file belongs to the frame that its name says."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from framefarm.core.frame_files import frame_of, may_name
from framefarm.core.naming import frame_name, safe_path

SHOT = "//render/shot_####"


@pytest.mark.parametrize(
    ("name", "frame", "path"),
    [
        ("shot_0003.png", 3, SHOT),
        ("shot_0003_L.png", 3, SHOT),
        ("shot_0003_cam2.png", 3, SHOT),
        ("shot_12345.png", 12345, SHOT),
        ("shot_-0003.png", -3, SHOT),
        ("take20003.png", 3, "//take2"),
        ("0003.png", 3, "//"),
        ("0003.png", 3, ""),
        ("a#b12c.png", 12, "/out/a#b##c"),
        ("sc7_0003.png", 3, "//sc7_####"),
        ("house_0003.png", 3, "//{blend_name}_####"),
        ("house0003_Camera.png", 3, "//{blend_name}####_{camera_name}"),
        ("what_0003_.png", 3, "//what?####*"),
        # Layers: the manager does not know the paths of the nodes that write them.
        ("passes/depth_0003.exr", 3, SHOT),
        ("passes/view7_0003.exr", 3, SHOT),
        ("passes/pass20003_L.exr", 3, SHOT),
        ("passes/a_0003_z2.exr", 3, SHOT),
        ("passes/depth_0003-2.exr", 3, SHOT),
        ("shot_2_0003.png", 3, "//shot_#"),
        ("anything3.png", 3, None),
    ],
)
def test_a_name_that_blender_gives_is_taken(name: str, frame: int, path: str | None):
    assert may_name(name, frame, output_path=path, extension=".png")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("shot_0007.png", SHOT),
        ("SHOT_0007.PNG", SHOT),
        ("shot_0007_L.png", SHOT),
        ("shot_-0003.png", SHOT),
        ("sc3_0007.png", "//sc3_####"),
        ("take30007.png", "//take3"),
        ("house3_0007.png", "//house3_####"),
        ("passes/depth_0007.exr", SHOT),
        ("passes/depth_0013.exr", SHOT),
        ("passes_0003/depth.exr", SHOT),
        ("depth.exr", SHOT),
        ("shot_0001-0003.mp4", SHOT),
        ("shot_0001-0003.MOV", SHOT),
        ("shot_0007.png/0003.png", SHOT),
        ("passes/depth_0007.exr/0003.exr", SHOT),
        ("movie.mp4/0003.png", SHOT),
    ],
)
def test_another_frames_name_or_none_is_refused(name: str, path: str):
    assert not may_name(name, 3, output_path=path, extension=".png")


paths = st.text(alphabet="ab17_-.#/ ?", max_size=12)
frames = st.integers(-20_000, 20_000)


@given(paths, frames, frames, st.sampled_from([".png", ".exr", ".jpg", ""]))
def test_every_picture_belongs_to_its_own_frame_and_to_no_other(path, one, other, extension):
    name = safe_path(frame_name(path, one, extension))

    assert frame_of(name, path, extension) == one
    assert may_name(name, one, output_path=path, extension=extension)
    assume(one != other)
    assert not may_name(name, other, output_path=path, extension=extension)
