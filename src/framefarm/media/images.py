"""Is this file the picture that was asked for, and does all of it decode?

The manager asks this of every frame it accepts (lease rule L5), so it costs little more than the
decoding itself: 0.3 ms for a 20 kB JPEG, 35 ms for a noisy PNG of 1920x1080.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from framefarm.media import formats, reading
from framefarm.media.errors import ImageDamagedError, ImageMismatchError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from OpenImageIO import ImageInput, ImageSpec

MAX_SIDE_PX: Final = 65_536
"""No picture may be wider or taller; Blender's own limit."""

MAX_DECODED_BYTES: Final = 64 * 2**30
"""No file may unfold to more: a 16k EXR of thirty passes does not, a bomb does."""

_READER: Final = {
    "BMP": "bmp",
    "CINEON": "cineon",
    "DPX": "dpx",
    "HDR": "hdr",
    "IRIS": "sgi",
    "JPEG": "jpeg",
    "OPEN_EXR": "openexr",
    "PNG": "png",
    "TARGA": "targa",
    "TIFF": "tiff",
    "WEBP": "webp",
}

_PNG_END: Final = b"\x00\x00\x00\x00IEND\xaeB`\x82"


@dataclass(frozen=True, slots=True)
class ExpectedImage:
    """What a frame should be.

    Attributes:
        file_format: Blender's name, one of `formats.FILE_FORMATS`.
        width: Pixels, or None when any will do.
        height: Pixels, or None when any will do.
    """

    file_format: str
    width: int | None = None
    height: int | None = None

    def __str__(self) -> str:
        if self.width is None and self.height is None:
            return self.file_format
        return f"{self.file_format} {self.width or 'any'}x{self.height or 'any'}"


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What a frame is.

    Attributes:
        file_format: Family of the format: a multilayer EXR is `OPEN_EXR`, a raw Targa `TARGA`.
        width: Pixels; for EXR of the display window.
        height: Pixels; for EXR of the display window.
        channels: Names of the first part's channels, such as `("R", "G", "B", "A")`.
        sample: Type of the widest sample: `uint8`, `uint16`, `half`, `float`.
        parts: 1, or the number of parts of a multi-part EXR.
        size_bytes: Size of the file.
    """

    file_format: str
    width: int
    height: int
    channels: tuple[str, ...]
    sample: str
    parts: int
    size_bytes: int


def check_image(path: Path, expected: ExpectedImage) -> ImageFacts:
    """Decode all of a picture and hold it against what was asked for.

    Memory is bounded: scanline and tile formats are decoded in bands of 16 MiB. WebP, JPEG 2000,
    run-length Targa and interlaced PNG can only be decoded whole. Uncompressed formats without
    checksums (BMP, Targa, DPX, IRIS) show that they are cut short, not that a bit is wrong; the
    SHA-256 of the upload answers for that. Thread-safe; releases the interpreter lock.

    Args:
        path: The file; its name need not say what it is.
        expected: What it should be.

    Returns:
        What it is.

    Raises:
        ImageMismatchError: Another format or size, or unreasonably large.
        ImageDamagedError: Cut short or corrupt.
        OSError: The file cannot be opened at all.
    """
    with path.open("rb") as file:
        head = file.read(formats.HEAD_BYTES)
        size_bytes = os.fstat(file.fileno()).st_size
        came = _check_kind(path, expected, head)
        _check_length(path, expected, came, head, size_bytes)
        if came == "PNG":
            _check_png_end(path, expected, file)
    if came == "JPEG2000":
        return _check_jpeg2000(path, expected, head, size_bytes)
    return _check_decodes(path, expected, came, size_bytes)


def _check_kind(path: Path, expected: ExpectedImage, head: bytes) -> str:
    came = formats.sniff(head)
    if not head:
        raise ImageDamagedError(path, asked=str(expected), came="an empty file")
    if came != formats.family(expected.file_format):
        raise ImageMismatchError(path, asked=str(expected), came=came or "something else")
    return came


def _check_length(
    path: Path, expected: ExpectedImage, came: str, head: bytes, size_bytes: int
) -> None:
    declared = formats.declared_size_bytes(came, head)
    if declared is not None and size_bytes < declared:
        what = f"{size_bytes} of the {declared} bytes that its header states"
        raise ImageDamagedError(path, asked=str(expected), came=what)


def _check_png_end(path: Path, expected: ExpectedImage, file: BinaryIO) -> None:
    # The reader is content once it has the last row; a file without its end was cut short.
    file.seek(max(0, os.fstat(file.fileno()).st_size - len(_PNG_END)))
    if file.read() != _PNG_END:
        raise ImageDamagedError(path, asked=str(expected), came="PNG without its end")


def _check_size(path: Path, expected: ExpectedImage, came: str, size: tuple[int, int]) -> None:
    width, height = size
    wanted = (expected.width or width, expected.height or height)
    if wanted != size or not 0 < max(size) <= MAX_SIDE_PX:
        raise ImageMismatchError(path, asked=str(expected), came=f"{came} {width}x{height}")


def _check_decodes(path: Path, expected: ExpectedImage, came: str, size_bytes: int) -> ImageFacts:
    try:
        with reading.opened(path) as source:
            return _check_parts(path, expected, came, source, size_bytes)
    except reading.DecodeError as error:
        what = f"{came} that does not decode ({error})"
        raise ImageDamagedError(path, asked=str(expected), came=what) from error


def _check_parts(
    path: Path, expected: ExpectedImage, came: str, source: ImageInput, size_bytes: int
) -> ImageFacts:
    if source.format_name() != _READER[came]:
        raise reading.DecodeError(f"it opens as {source.format_name()} only")
    first = source.spec()
    size = reading.display_size(source)
    _check_size(path, expected, came, size)
    decoded_bytes, count = 0, 0
    for part, spec in reading.parts(source):
        decoded_bytes += spec.image_bytes()
        _check_bomb(path, expected, spec, decoded_bytes)
        for _ in reading.read_bands(source, part, spec):
            pass
        count += 1
    return ImageFacts(came, *size, tuple(first.channelnames), str(first.format), count, size_bytes)


def _check_bomb(path: Path, expected: ExpectedImage, spec: ImageSpec, decoded_bytes: int) -> None:
    if max(spec.width, spec.height) > MAX_SIDE_PX or decoded_bytes > MAX_DECODED_BYTES:
        what = f"{decoded_bytes} bytes of pixels ({spec.width}x{spec.height}), too many to decode"
        raise ImageMismatchError(path, asked=str(expected), came=what)
    if spec.deep:
        raise ImageMismatchError(path, asked=str(expected), came="a deep picture")


def _check_jpeg2000(
    path: Path, expected: ExpectedImage, head: bytes, size_bytes: int
) -> ImageFacts:
    # OpenImageIO's wheel has no JPEG 2000, FFmpeg has. The size comes from the header first,
    # because FFmpeg reserves memory for it before it decodes anything.
    size = formats.jpeg2000_size(head)
    if size is None:
        raise ImageDamagedError(path, asked=str(expected), came="JPEG2000 without a header")
    _check_size(path, expected, "JPEG2000", size)
    try:
        frame = reading.decode_whole(path, "jpeg2000")
    except reading.DecodeError as error:
        what = f"JPEG2000 that does not decode ({error})"
        raise ImageDamagedError(path, asked=str(expected), came=what) from error
    _check_size(path, expected, "JPEG2000", (frame.width, frame.height))
    depth = frame.format.components[0].bits
    channels = ("R", "G", "B", "A")[: len(frame.format.components)]
    sample = "uint8" if depth <= 8 else "uint16"  # noqa: PLR2004 - bits in a byte
    return ImageFacts("JPEG2000", *size, channels, sample, 1, size_bytes)
