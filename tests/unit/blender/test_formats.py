from __future__ import annotations

import pytest

from framefarm.blender.scene_facts import frame_name


@pytest.mark.parametrize(
    ("output_path", "frame", "extension", "name"),
    [
        ("//render/shot_####", 7, ".png", "shot_0007.png"),
        ("/tmp/", 7, ".png", "0007.png"),  # noqa: S108
        ("", 7, ".png", "0007.png"),
        ("shot", 7, ".png", "shot0007.png"),
        ("C:\\out\\shot_##", 123, ".exr", "shot_123.exr"),
        ("a#b##c", 5, ".png", "a#b05c.png"),
        ("###/shot", 5, ".png", "shot0005.png"),
        ("shot_####.png", 5, ".png", "shot_0005.png"),
        ("shot_####.jpg", 5, ".png", "shot_0005.png"),
        ("shot_####.JPG", 5, ".png", "shot_0005.png"),
        ("shot_####.PNG", 5, ".png", "shot_0005.PNG"),
        ("shot_####.jpeg", 5, ".jpg", "shot_0005.jpeg"),
        ("shot.v2_####", 5, ".png", "shot.v2_0005.png"),
        ("shot_####.final", 5, ".png", "shot_0005.final.png"),
        ("shot.png", 5, ".png", "shot.png0005.png"),
        ("shot_####", -3, ".png", "shot_-0003.png"),
        ("shot_####", 5, "", "shot_0005"),
        ("shot_#", 1234567, ".png", "shot_1234567.png"),
    ],
)
def test_frames_are_named_as_blender_names_them(
    output_path: str, frame: int, extension: str, name: str
) -> None:
    assert frame_name(output_path, frame, extension) == name
