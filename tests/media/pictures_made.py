"""Pictures for the tests of real encoders, made by OpenImageIO and numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
from numpy.typing import NDArray
from OpenImageIO import ImageOutput, ImageSpec


def write_picture(
    path: Path, pixels: NDArray[Any], *, channels: tuple[str, ...] = (), **attributes: Any
) -> Path:
    """Write `height x width x channels` in the array's own type; the format goes by the name."""
    height, width, count = pixels.shape
    kinds = {"uint8": "uint8", "uint16": "uint16", "float16": "half", "float32": "float"}
    spec = ImageSpec(width, height, count, kinds[pixels.dtype.name])
    if channels:
        spec.channelnames = channels
    for name, value in attributes.items():
        spec.attribute(name, value)
    target = ImageOutput.create(str(path))
    assert target.open(str(path), spec), target.geterror()
    assert target.write_image(np.ascontiguousarray(pixels)), target.geterror()
    target.close()
    return path


def gradient(width: int, height: int, *, moved: int = 0) -> NDArray[np.uint8]:
    """A colourful picture with an edge in it, different for every `moved`."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 30 + x * 180 // width, 30 + y * 180 // height
    blue = np.full_like(x, 60 + (moved * 5) % 120)
    pixels = np.stack([red, green, blue], axis=-1).astype(np.uint8)
    left = (moved * 3) % max(1, width - 12)
    pixels[height // 4 : height // 2, left : left + 12] = (240, 60, 20)
    return pixels


def write_frames(folder: Path, count: int, *, width: int = 96, height: int = 64) -> list[Path]:
    """A short animation as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_picture(folder / f"{number:04}.png", gradient(width, height, moved=number))
        for number in range(count)
    ]


def decoded(path: Path) -> tuple[list[Any], list[NDArray[np.uint8]]]:
    """All frames of a movie: exact times as fractions, and RGB by the movie's own colour tags."""
    times, frames = [], []
    with av.open(str(path)) as source:
        video = source.streams.video[0]
        for frame in source.decode(video):
            times.append(frame.pts * video.time_base)
            frames.append(_rgb(frame).to_ndarray())
    return times, frames


def _rgb(frame: av.VideoFrame) -> av.VideoFrame:
    if frame.format.is_rgb:
        return frame.reformat(format="rgb24")
    return frame.reformat(format="rgb24", interpolation="BICUBIC", dst_color_range="JPEG")


def open_file_count() -> int:
    """How many files this process holds open."""
    return psutil.Process().num_fds()


def psnr(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Peak signal to noise ratio of two 8-bit pictures, in dB."""
    error = float(np.mean((first.astype(float) - second.astype(float)) ** 2))
    return 99.0 if not error else 10 * np.log10(255**2 / error)
