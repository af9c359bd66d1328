"""Small WebP pictures of frames, for dashboards and contact sheets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from OpenImageIO import ImageOutput, ImageSpec, geterror

from framefarm.media.errors import EncodeError
from framefarm.media.files import replacing
from framefarm.media.formats import ViewTransform
from framefarm.media.pictures import Look, open_picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from framefarm.media.view import Display

LONGEST_PX: Final = 320
"""Longest side of a thumbnail."""

BACKGROUND: Final = 0x2B
"""Grey behind transparent pixels: dark, but black objects still show."""

_QUALITY: Final = 78

# Of 0 to 6. The default 6 takes 20 ms for a noisy 320x180 and saves an eighth of the bytes; 2 takes
# 3.6 ms.
_EFFORT: Final = 2


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A thumbnail that was made.

    Attributes:
        width: Pixels.
        height: Pixels.
        size_bytes: Size of the WebP file.
    """

    width: int
    height: int
    size_bytes: int


def make_thumbnail(
    path: Path,
    out: Path,
    *,
    longest_px: int = LONGEST_PX,
    view: ViewTransform = ViewTransform.SOFT,
) -> Thumbnail:
    """Make a small WebP of a picture of any format Blender writes.

    Large pictures are shrunk band by band, so a 16k EXR needs no more memory than a small one.
    Scene-linear light goes through the view transform before it is shrunk, so a single bright
    sample stays a dot. Pictures are never enlarged.

    Args:
        path: The picture.
        out: Where the WebP goes; appears whole or not at all.
        longest_px: Longest side of the result, 16 to 4096.
        view: Transform for scene-linear files.

    Returns:
        Its size.

    Raises:
        ImageUnreadableError: The picture cannot be read.
        EncodeError: The WebP cannot be written.
    """
    longest_px = max(16, min(4096, longest_px))
    look = Look(view=view, background=BACKGROUND)
    with open_picture(path, look) as opened:
        size = fitted(opened.width, opened.height, longest_px)
    step = max(1, max(opened.width, opened.height) // (2 * longest_px))
    with open_picture(path, look, multiple_of=step) as picture:
        rough = np.concatenate(list(_shrunk(picture.bands, step)))
    _write(_resized(rough, size), out)
    return Thumbnail(*size, out.stat().st_size)


def fitted(width: int, height: int, longest_px: int) -> tuple[int, int]:
    """Shrink a size to a longest side, keeping its shape; pure.

    Returns:
        Width and height, at least 1 each; the same size when it fits already.
    """
    longest = max(width, height)
    if longest <= longest_px:
        return width, height
    # Halves up, in integers.
    return tuple(  # type: ignore[return-value]
        max(1, (2 * side * longest_px + longest) // (2 * longest)) for side in (width, height)
    )


def _shrunk(bands: Iterator[Display], step: int) -> Iterator[Display]:
    # Whole steps first, by area, while decoding: that bounds the memory.
    for band in bands:
        rows, width = band.shape[:2]
        yield _resized(band, (max(1, width // step), max(1, rows // step)))


def _resized(pixels: Display, size: tuple[int, int]) -> Display:
    width, height = size
    if pixels.shape[:2] == (height, width):
        return pixels
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    small = VideoReformatter().reformat(
        frame, width=width, height=height, interpolation=Interpolation.AREA
    )
    return small.to_ndarray()


def _write(pixels: Display, out: Path) -> None:
    spec = ImageSpec(pixels.shape[1], pixels.shape[0], 3, "uint8")
    spec.attribute("compression", f"webp:{_QUALITY}")
    spec.attribute("webp:method", _EFFORT)
    with replacing(out, suffix=".webp") as temporary:
        target = ImageOutput.create("webp")
        written = (
            target is not None
            and target.open(str(temporary), spec)
            and target.write_image(np.ascontiguousarray(pixels))
        )
        closed = target is not None and target.close()
        if not (written and closed):
            reason = (target and target.geterror()) or geterror() or "no WebP writer"
            raise EncodeError(f"Cannot write the thumbnail {out}: {reason}")
