"""Opening pictures with OpenImageIO and reading them band by band.

Everything here decodes in the calling thread with the interpreter lock released: the farm runs one
thread per frame, so a thread pool inside OpenImageIO would only get in the way. `ImageInput` is
used directly and never `ImageBuf`, whose shared cache would keep files open and pixels in memory.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

import av
import av.error
from OpenImageIO import ImageInput, ImageSpec, attribute, geterror

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from av.video.codeccontext import VideoCodecContext
    from numpy.typing import NDArray
    from OpenImageIO import BASETYPE, TypeDesc

    Pixels = NDArray[np.generic]

attribute("threads", 1)
attribute("exr_threads", -1)  # -1: decode in the calling thread
attribute("imageinput:strict", 1)
attribute("oiio:print_uncaught_errors", 0)  # ours are caught; a log is not the place

BAND_BYTES: Final = 16 * 2**20
"""How many bytes of pixels are decoded at a time."""

# The tallest block that compresses as one: DWAB in OpenEXR. Bands that split a block make the
# reader decode it twice.
_BLOCK_ROWS: Final = 256
_SMALL_BLOCK_ROWS: Final = 32


class DecodeError(Exception):
    """OpenImageIO refused; the text is its own. Never leaves this package."""


@contextmanager
def opened(path: Path, *, straight_alpha: bool = False) -> Iterator[ImageInput]:
    """Open a picture for reading.

    Args:
        path: The file; its name need not say what it is.
        straight_alpha: Leave colours as the file has them instead of multiplying by alpha.

    Yields:
        The open file, at its first part.

    Raises:
        DecodeError: No reader takes it.
    """
    config = ImageSpec()
    if straight_alpha:
        config.attribute("oiio:UnassociatedAlpha", 1)
    source = cast("ImageInput | None", ImageInput.open(str(path), config))
    if source is None:
        geterror()  # takes it off the thread's list; it only says that no reader was found
        raise DecodeError("no reader takes it")
    try:
        yield source
    finally:
        source.close()


def first_line(message: str) -> str:
    """Return the first line of a library's message, without its full stop."""
    lines = message.strip().splitlines()
    return lines[0].rstrip(".") if lines else ""


def display_size(source: ImageInput) -> tuple[int, int]:
    """Return width and height as a viewer shows them, in pixels.

    Only EXR has a display window of its own; elsewhere that field holds what a tag claims.
    """
    spec = source.spec()
    if source.format_name() == "openexr":
        return spec.full_width, spec.full_height
    return spec.width, spec.height


def parts(source: ImageInput, *, limit: int = 4096) -> Iterator[tuple[int, ImageSpec]]:
    """Go through the parts of a file: one, or one per layer and pass in a multi-part EXR.

    Args:
        source: An open file.
        limit: Stop after so many parts.

    Yields:
        Each part's number and its layout.
    """
    for number in range(limit):
        if not source.seek_subimage(number, 0):
            source.geterror()  # TIFF calls the end of its parts an error
            return
        yield number, source.spec()


def band_rows(spec: ImageSpec, *, multiple_of: int = 1) -> int:
    """Choose how many rows to decode at a time.

    Args:
        spec: The part's layout.
        multiple_of: What the caller needs the answer to be divisible by.

    Returns:
        Rows, at least `multiple_of`; whole compression blocks where they fit into `BAND_BYTES`.
    """
    wanted = BAND_BYTES // max(1, spec.width * spec.nchannels * spec.format.size())
    block = spec.tile_height or (_BLOCK_ROWS if wanted >= _BLOCK_ROWS else _SMALL_BLOCK_ROWS)
    rows = max(block, wanted - wanted % block)
    return rows + -rows % multiple_of


def read_bands(
    source: ImageInput,
    part: int,
    spec: ImageSpec,
    *,
    channels: tuple[int, int] | None = None,
    sample: BASETYPE | None = None,
    multiple_of: int = 1,
) -> Iterator[Pixels]:
    """Decode one part from top to bottom.

    Args:
        source: An open file.
        part: The part's number.
        spec: The part's layout.
        channels: First channel and the one after the last; all by default.
        sample: Convert samples to this type; the file's widest by default.
        multiple_of: Rows per band are a multiple of this (but for the last band).

    Yields:
        Bands, `rows x width x channels`.

    Raises:
        DecodeError: A band did not decode.
    """
    chosen = channels or (0, spec.nchannels)
    step = band_rows(spec, multiple_of=multiple_of)
    bottom = spec.y + spec.height
    for top in range(spec.y, bottom, step):
        rows = (top, min(bottom, top + step))
        band = _read_rows(source, (part, spec), rows, chosen, sample or spec.format)
        if band is None:
            raise DecodeError(first_line(source.geterror()) or "its pixels break off")
        yield band
    # A JPEG that breaks off decodes to grey with only this word about it.
    if source.has_error:
        raise DecodeError(first_line(source.geterror()))


def _read_rows(
    source: ImageInput,
    part: tuple[int, ImageSpec],
    rows: tuple[int, int],
    channels: tuple[int, int],
    sample: BASETYPE | TypeDesc,
) -> Pixels | None:
    number, spec = part
    if spec.tile_width:
        across = (spec.x, spec.x + spec.width)
        return source.read_tiles(number, 0, *across, *rows, 0, 1, *channels, sample)
    return source.read_scanlines(number, 0, *rows, 0, *channels, sample)


def decode_whole(path: Path, codec: str) -> av.VideoFrame:
    """Decode a still with FFmpeg, for what OpenImageIO's wheel cannot read.

    Args:
        path: The file; check the size its header states first, memory is reserved for it.
        codec: FFmpeg's name of the decoder.

    Returns:
        The picture.

    Raises:
        DecodeError: It does not decode.
    """
    decoder = cast("VideoCodecContext", av.CodecContext.create(codec, "r"))
    decoder.thread_count = 1
    try:
        frames = [*decoder.decode(av.Packet(path.read_bytes())), *decoder.decode(None)]
    except av.error.FFmpegError as error:
        raise DecodeError(error.strerror) from error
    if not frames:
        raise DecodeError("no picture in it")
    return frames[0]
