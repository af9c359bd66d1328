"""Every still format is recognised, wholly decoded, and found out when it is wrong."""

from __future__ import annotations

import gc
import struct
import threading
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from framefarm.media.errors import ImageDamagedError, ImageMismatchError
from framefarm.media.images import ExpectedImage, check_image
from tests.media.pictures_made import gradient, open_file_count, write_picture

WIDTH, HEIGHT = 48, 32
BY_SUFFIX = {
    "PNG": "png",
    "JPEG": "jpg",
    "OPEN_EXR": "exr",
    "OPEN_EXR_MULTILAYER": "exr",
    "TIFF": "tif",
    "TARGA": "tga",
    "TARGA_RAW": "tga",
    "WEBP": "webp",
    "BMP": "bmp",
    "DPX": "dpx",
    "HDR": "hdr",
    "IRIS": "sgi",
}


def picture(folder: Path, file_format: str) -> Path:
    if file_format == "JPEG2000":
        return jpeg2000(folder / "frame.jp2")
    path = folder / f"frame.{BY_SUFFIX[file_format]}"
    pixels = gradient(WIDTH, HEIGHT)
    if file_format in ("OPEN_EXR", "OPEN_EXR_MULTILAYER", "HDR"):
        return write_picture(path, (pixels / 255).astype(np.float32))
    return write_picture(path, pixels)


def jpeg2000(path: Path) -> Path:
    encoder = av.CodecContext.create("jpeg2000", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "rgb24"
    encoder.time_base = 1
    encoder.options = {"format": "jp2"}
    frame = av.VideoFrame.from_ndarray(gradient(WIDTH, HEIGHT), format="rgb24")
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    path.write_bytes(b"".join(bytes(packet) for packet in packets))
    return path


@pytest.mark.parametrize("file_format", [*BY_SUFFIX, "JPEG2000"])
def test_a_whole_picture_is_accepted_with_its_facts(tmp_path: Path, file_format: str) -> None:
    path = picture(tmp_path, file_format)

    facts = check_image(path, ExpectedImage(file_format, WIDTH, HEIGHT))

    assert (facts.width, facts.height) == (WIDTH, HEIGHT)
    assert facts.size_bytes == path.stat().st_size
    assert len(facts.channels) == 3


@pytest.mark.parametrize("file_format", [*BY_SUFFIX, "JPEG2000"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.8])
def test_a_picture_cut_short_is_refused(tmp_path: Path, file_format: str, kept: float) -> None:
    whole = picture(tmp_path, file_format).read_bytes()
    part = tmp_path / "upload.part"
    part.write_bytes(whole[: int(len(whole) * kept)])

    with pytest.raises(ImageMismatchError) as refused:
        check_image(part, ExpectedImage(file_format, WIDTH, HEIGHT))

    assert file_format in str(refused.value)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "OPEN_EXR", "WEBP", "TIFF", "DPX", "BMP"])
def test_even_the_last_bytes_are_missed(tmp_path: Path, file_format: str) -> None:
    whole = picture(tmp_path, file_format).read_bytes()
    part = tmp_path / "upload.part"
    part.write_bytes(whole[:-2])

    with pytest.raises(ImageDamagedError):
        check_image(part, ExpectedImage(file_format, WIDTH, HEIGHT))


@pytest.mark.parametrize("file_format", ["PNG", "OPEN_EXR"])
def test_a_flipped_bit_in_compressed_pixels_is_found(tmp_path: Path, file_format: str) -> None:
    rough = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    path = tmp_path / f"frame.{BY_SUFFIX[file_format]}"
    write_picture(path, rough if file_format == "PNG" else (rough / 255).astype(np.float32))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)

    with pytest.raises(ImageDamagedError):
        check_image(path, ExpectedImage(file_format, WIDTH, HEIGHT))


@pytest.mark.parametrize(("width", "height"), [(49, 32), (48, 33), (32, 48), (None, 31)])
def test_another_size_is_refused_and_both_are_named(
    tmp_path: Path, width: int | None, height: int
) -> None:
    path = picture(tmp_path, "PNG")

    with pytest.raises(ImageMismatchError, match="48x32") as refused:
        check_image(path, ExpectedImage("PNG", width, height))

    assert not isinstance(refused.value, ImageDamagedError)
    assert f"{width or 'any'}x{height}" in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "came"), [("PNG", "JPEG"), ("JPEG", "PNG"), ("OPEN_EXR", "HDR"), ("TARGA", "BMP")]
)
def test_another_format_is_refused_whatever_the_file_is_called(
    tmp_path: Path, asked: str, came: str
) -> None:
    path = picture(tmp_path, came).rename(tmp_path / f"frame.{BY_SUFFIX[asked]}")

    with pytest.raises(ImageMismatchError, match=f"asked for {asked} 48x32, got {came}"):
        check_image(path, ExpectedImage(asked, WIDTH, HEIGHT))


def test_a_name_without_an_ending_does_no_harm(tmp_path: Path) -> None:
    path = picture(tmp_path, "PNG").rename(tmp_path / "8f3a")

    assert check_image(path, ExpectedImage("PNG")).file_format == "PNG"


def test_text_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "frame.png"
    path.write_text("<html>502 Bad Gateway</html>")

    with pytest.raises(ImageMismatchError, match="got something else"):
        check_image(path, ExpectedImage("PNG"))


def test_a_size_no_picture_has_is_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    content = bytearray(picture(tmp_path, "PNG").read_bytes())
    content[16:24] = struct.pack(">II", 200_000, 200_000)
    path = tmp_path / "bomb.png"
    path.write_bytes(content)

    with pytest.raises(ImageMismatchError):
        check_image(path, ExpectedImage("PNG"))


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check_image(tmp_path / "none.png", ExpectedImage("PNG"))


def test_large_exr_is_checked_in_bounded_memory(tmp_path: Path) -> None:
    """A 4096x4096 float EXR unfolds to 192 MiB; a band has 16."""
    # given
    path = write_picture(
        tmp_path / "large.exr", np.zeros((4096, 4096, 3), np.float32), compression="zip"
    )
    check_image(picture(tmp_path, "OPEN_EXR"), ExpectedImage("OPEN_EXR"))
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    highest = [before]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            highest[0] = max(highest[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()

    # when
    check_image(path, ExpectedImage("OPEN_EXR", 4096, 4096))
    done.set()
    watcher.join()

    # then
    assert highest[0] - before < 96 * 2**20


def test_checking_leaks_neither_memory_nor_files(tmp_path: Path) -> None:
    good = picture(tmp_path, "PNG")
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(picture(tmp_path, "JPEG").read_bytes()[:-40])

    def check_many(times: int) -> None:
        for _ in range(times):
            check_image(good, ExpectedImage("PNG", WIDTH, HEIGHT))
            with pytest.raises(ImageDamagedError):
                check_image(bad, ExpectedImage("JPEG", WIDTH, HEIGHT))

    check_many(500)
    process = psutil.Process()
    before, files = process.memory_info().rss, open_file_count()
    check_many(5000)

    assert process.memory_info().rss - before < 4 * 2**20
    assert open_file_count() == files
