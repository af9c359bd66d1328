"""Thumbnails of everything Blender writes: small, of the right shape, and showing the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from OpenImageIO import ImageOutput, ImageSpec

from framefarm.media.errors import ImageUnreadableError
from framefarm.media.formats import ViewTransform
from framefarm.media.images import ExpectedImage, check_image
from framefarm.media.pictures import Look, read_picture
from framefarm.media.thumbnails import BACKGROUND, make_thumbnail
from tests.media.pictures_made import gradient, psnr, write_picture


def shown(path: Path) -> NDArray[Any]:
    return read_picture(path, Look())


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "tga", "bmp", "dpx", "sgi", "webp"])
def test_a_thumbnail_looks_like_its_picture(tmp_path: Path, suffix: str) -> None:
    path = write_picture(
        tmp_path / f"frame.{suffix}", gradient(640, 360), **{"oiio:ColorSpace": "sRGB"}
    )

    made = make_thumbnail(path, tmp_path / "thumb.webp")

    assert (made.width, made.height) == (320, 180)
    check_image(tmp_path / "thumb.webp", ExpectedImage("WEBP", 320, 180))
    assert psnr(shown(tmp_path / "thumb.webp"), gradient(640, 360)[::2, ::2]) > 28
    assert made.size_bytes < 20_000


@pytest.mark.parametrize(
    ("size", "small"),
    [((1, 1), (1, 1)), ((100, 40), (100, 40)), ((2000, 10), (320, 2)), ((30, 3000), (3, 320))],
)
def test_odd_shapes_keep_their_shape_and_nothing_is_enlarged(
    tmp_path: Path, size: tuple[int, int], small: tuple[int, int]
) -> None:
    path = write_picture(tmp_path / "frame.png", np.full((size[1], size[0], 3), 99, np.uint8))

    made = make_thumbnail(path, tmp_path / "thumb.webp")

    assert (made.width, made.height) == small
    assert abs(shown(tmp_path / "thumb.webp").astype(int) - 99).max() <= 2


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32])
def test_any_number_of_channels_and_any_depth_shows(
    tmp_path: Path, count: int, dtype: type[np.generic]
) -> None:
    linear = dtype in (np.float16, np.float32)
    top = 1 if linear else np.iinfo(dtype).max
    pixels = np.full((20, 30, count), 0.5 * top).astype(dtype)
    if count in (2, 4):
        pixels[..., -1] = top
    names = {1: ("Y",), 2: ("Y", "A"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}[count]
    path = tmp_path / ("frame.exr" if linear else "frame.png")
    write_picture(path, pixels, channels=names)

    make_thumbnail(path, tmp_path / "thumb.webp")

    # Half the light is 188 of 255 on the sRGB curve.
    expected = 188 if linear else 127
    assert abs(shown(tmp_path / "thumb.webp").astype(int) - expected).max() <= 3


def test_light_above_one_keeps_its_structure_in_the_soft_view(tmp_path: Path) -> None:
    light = np.repeat(np.linspace(1.0, 2.0, 64, dtype=np.float32)[None, :, None], 3, axis=2)
    path = write_picture(tmp_path / "frame.exr", np.repeat(light, 16, axis=0))

    soft = read_picture(path, Look(view=ViewTransform.SOFT))[0, :, 0]
    standard = read_picture(path, Look(view=ViewTransform.STANDARD))[0, :, 0]

    assert soft[0] < soft[20] < soft[-1] <= 255
    assert (standard == 255).all()


def test_infinite_and_undefined_light_is_white_and_black(tmp_path: Path) -> None:
    light = np.zeros((2, 4, 3), np.float32)
    light[:, 0], light[:, 1], light[:, 2] = np.inf, np.nan, -1.0
    path = write_picture(tmp_path / "frame.exr", light)

    assert read_picture(path, Look())[0, :, 0].tolist() == [255, 0, 0, 0]


def test_transparent_pixels_show_the_grey_behind(tmp_path: Path) -> None:
    pixels = np.zeros((32, 64, 4), np.uint8)
    pixels[:, :32] = (200, 100, 50, 255)
    path = write_picture(tmp_path / "frame.png", pixels)

    make_thumbnail(path, tmp_path / "thumb.webp")

    small = shown(tmp_path / "thumb.webp").astype(int)
    assert abs(small[16, 8] - (200, 100, 50)).max() < 6
    assert abs(small[16, 56] - BACKGROUND).max() <= 2


def test_half_transparent_pixels_mix_straight_and_premultiplied_alike(tmp_path: Path) -> None:
    straight = np.full((8, 8, 4), (200, 100, 50, 128), np.uint8)
    write_picture(tmp_path / "s.png", straight, **{"oiio:UnassociatedAlpha": 1})
    premultiplied = np.full((8, 8, 4), (100, 50, 25, 128), np.uint8)
    write_picture(tmp_path / "p.tif", premultiplied)

    look = Look(background=40)

    assert read_picture(tmp_path / "s.png", look)[0, 0].tolist() == [120, 70, 45]
    assert read_picture(tmp_path / "p.tif", look)[0, 0].tolist() == [120, 70, 45]


def test_the_combined_pass_of_a_multilayer_exr_is_shown(tmp_path: Path) -> None:
    names = ("View.Depth.Z", *(f"View.{p}.{c}" for p in ("Normal", "Combined") for c in "RGB"))
    pixels = np.zeros((16, 16, 7), np.float32)
    pixels[..., 4:7] = (0.5, 0.0, 0.0)
    path = write_picture(tmp_path / "frame.exr", pixels, channels=names)

    assert read_picture(path, Look())[3, 3].tolist() == [188, 0, 0]


def test_the_combined_pass_is_found_in_a_multi_part_exr(tmp_path: Path) -> None:
    path = tmp_path / "frame.exr"
    specs = []
    for name in ("Depth.Z",), tuple(f"View.Combined.{c}" for c in "RGBA"):
        spec = ImageSpec(16, 16, len(name), "float")
        spec.channelnames = name
        spec.attribute("oiio:subimagename", name[0].rpartition(".")[0])
        specs.append(spec)
    target = ImageOutput.create(str(path))
    assert target.open(str(path), specs)
    assert target.write_image(np.zeros((16, 16, 1), np.float32))
    assert target.open(str(path), specs[1], "AppendSubimage")
    assert target.write_image(np.full((16, 16, 4), (0.0, 0.5, 0.0, 1.0), np.float32))
    target.close()

    assert read_picture(path, Look())[3, 3].tolist() == [0, 188, 0]
    assert check_image(path, ExpectedImage("OPEN_EXR_MULTILAYER", 16, 16)).parts == 2


def test_a_broken_picture_leaves_the_old_thumbnail_and_no_litter(tmp_path: Path) -> None:
    whole = write_picture(tmp_path / "frame.png", gradient(64, 64)).read_bytes()
    broken = tmp_path / "broken.png"
    broken.write_bytes(whole[: len(whole) // 2])
    (tmp_path / "thumb.webp").write_bytes(b"the old one")

    with pytest.raises(ImageUnreadableError, match=r"broken\.png"):
        make_thumbnail(broken, tmp_path / "thumb.webp")

    assert (tmp_path / "thumb.webp").read_bytes() == b"the old one"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageUnreadableError, match="No such file"):
        make_thumbnail(tmp_path / "none.png", tmp_path / "thumb.webp")
