"""Any picture Blender writes as display values, alpha laid over a background.

What the values of a file mean was measured on files of Blender 5.0: EXR, HDR and plain DPX hold
scene-linear light, Cineon holds display values under Kodak's log, all others display values.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import av
import av.error
import numpy as np
from OpenImageIO import HALF, UINT8, UINT16

from framefarm.media import formats, reading
from framefarm.media.errors import ImageUnreadableError
from framefarm.media.formats import ViewTransform
from framefarm.media.view import log_to_display, to_display

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray
    from OpenImageIO import BASETYPE, ImageInput, ImageSpec

    from framefarm.media.view import Display

MAX_SIDE_PX: Final = 65_536
_BYTE: Final = 255

# Blender writes straight alpha into these and nothing in the file says so.
_STRAIGHT_READERS: Final = frozenset({"bmp", "sgi", "dpx"})
_LINEAR_READERS: Final = frozenset({"openexr", "hdr"})


class Encoding(Enum):
    """What the numbers in a file mean."""

    DISPLAY = auto()
    LINEAR = auto()
    LOG = auto()


@dataclass(frozen=True, slots=True)
class Channels:
    """Which channels of which part make the picture.

    Attributes:
        part: Number of the part, 0 but for multi-part EXR.
        colour: Three channel numbers, or one for grey.
        alpha: The channel that says how much is covered, or None.
    """

    part: int
    colour: tuple[int, ...]
    alpha: int | None


@dataclass(frozen=True, slots=True)
class Look:
    """How to show a picture.

    Attributes:
        view: Transform for scene-linear files; the others hold display values already.
        background: Display value (0..255) of the grey behind transparent pixels.
        deep: 16 bits a sample rather than 8.
    """

    view: ViewTransform = ViewTransform.SOFT
    background: int = 0
    deep: bool = False


@dataclass(frozen=True, slots=True)
class OpenPicture:
    """A picture being read.

    Attributes:
        width: Pixels.
        height: Pixels.
        bands: The pixels from top to bottom, each `rows x width x 3`.
    """

    width: int
    height: int
    bands: Iterator[Display]


def choose_channels(parts: Sequence[Sequence[str]]) -> Channels:
    """Find the picture among a file's channels.

    In this order: plain `R G B`; a pass called `Combined`; any other group of `R G B`; the first
    channels there are, three as colour or one as grey.

    Args:
        parts: Channel names of every part.

    Returns:
        The channels to show.
    """
    groups = [group for part, names in enumerate(parts) for group in _groups(part, names)]
    for wanted in (lambda g: g == "", lambda g: g.split(".")[-1] == "Combined", lambda _: True):
        for name, channels in groups:
            if wanted(name):
                return channels
    return _plain(parts[0])


def _groups(part: int, names: Sequence[str]) -> Iterator[tuple[str, Channels]]:
    numbers = {name: number for number, name in enumerate(names)}
    for name in names:
        prefix, dot, last = name.rpartition(".")
        if last != "R":
            continue
        colour = [numbers.get(f"{prefix}{dot}{letter}") for letter in "RGB"]
        if None not in colour:
            found = tuple(number for number in colour if number is not None)
            yield prefix, Channels(part, found, numbers.get(f"{prefix}{dot}A"))


def _plain(names: Sequence[str]) -> Channels:
    alphas = [number for number, name in enumerate(names) if name.rpartition(".")[2] == "A"]
    colour = [number for number in range(len(names)) if number not in alphas]
    if not colour:
        return Channels(0, (0,), None)
    wanted = 3 if len(colour) >= 3 else 1  # noqa: PLR2004 - red, green, blue
    return Channels(0, tuple(colour[:wanted]), alphas[0] if alphas else None)


@contextmanager
def open_picture(path: Path, look: Look, *, multiple_of: int = 1) -> Iterator[OpenPicture]:
    """Open a picture of any format for showing, in bounded memory.

    Args:
        path: The file; its name need not say what it is.
        look: How to show it.
        multiple_of: Rows per band are a multiple of this (but for the last band).

    Yields:
        Its size and its bands.

    Raises:
        ImageUnreadableError: Missing, damaged, of no known kind or unreasonably large; also while
            the bands are taken.
    """
    try:
        with path.open("rb") as file:
            head = file.read(formats.HEAD_BYTES)
        if formats.sniff(head) == "JPEG2000":
            yield _jpeg2000(path, head, look)
            return
        with reading.opened(path, straight_alpha=True) as source:
            yield _picture(source, look, multiple_of)
    except (reading.DecodeError, av.error.FFmpegError) as error:
        raise ImageUnreadableError(path, str(error)) from error
    except OSError as error:
        raise ImageUnreadableError(path, error.strerror or str(error)) from error


def read_picture(path: Path, look: Look) -> Display:
    """Read a whole picture for showing.

    Args:
        path: The file.
        look: How to show it.

    Returns:
        `height x width x 3`, uint8 or, for a deep look, uint16.

    Raises:
        ImageUnreadableError: See `open_picture`.
    """
    with open_picture(path, look) as picture:
        bands = list(picture.bands)
    return bands[0] if len(bands) == 1 else np.concatenate(bands)


def _picture(source: ImageInput, look: Look, multiple_of: int) -> OpenPicture:
    # Only EXR spreads passes over parts; and WebP does not find its way back to the first.
    many = source.format_name() == "openexr"
    specs = [spec for _, spec in reading.parts(source)] if many else [source.spec()]
    channels = choose_channels([spec.channelnames for spec in specs])
    spec = specs[channels.part]
    _check_side(spec.width, spec.height)
    return OpenPicture(spec.width, spec.height, _bands(source, spec, channels, look, multiple_of))


def _check_side(width: int, height: int) -> None:
    if not 0 < max(width, height) <= MAX_SIDE_PX:
        raise reading.DecodeError(f"{width}x{height} pixels are too many")


def _bands(
    source: ImageInput, spec: ImageSpec, channels: Channels, look: Look, multiple_of: int
) -> Iterator[Display]:
    encoding = _encoding(source, spec)
    used = [*channels.colour, *([] if channels.alpha is None else [channels.alpha])]
    straight = encoding is Encoding.DISPLAY and _is_straight(source, spec)
    bands = reading.read_bands(
        source,
        channels.part,
        spec,
        channels=(min(used), max(used) + 1),
        sample=_sample(encoding, look),
        multiple_of=multiple_of,
    )
    for band in bands:
        picked = [number - min(used) for number in used]
        colour, alpha = _split(band, picked, channels)
        yield _lay_over(_shown(colour, encoding, look), alpha, look, straight=straight)


def _encoding(source: ImageInput, spec: ImageSpec) -> Encoding:
    if source.format_name() in _LINEAR_READERS:
        return Encoding.LINEAR
    if source.format_name() not in ("dpx", "cineon"):
        return Encoding.DISPLAY
    named = spec.get_string_attribute("oiio:ColorSpace")
    return {"Linear": Encoding.LINEAR, "KodakLog": Encoding.LOG}.get(named, Encoding.DISPLAY)


def _sample(encoding: Encoding, look: Look) -> BASETYPE:
    if encoding is Encoding.LINEAR:
        return HALF
    return UINT16 if look.deep or encoding is Encoding.LOG else UINT8


def _shown(colour: NDArray[Any], encoding: Encoding, look: Look) -> Display:
    if encoding is Encoding.LINEAR:
        return to_display(colour, look.view, deep=look.deep)
    if encoding is Encoding.LOG:
        return log_to_display(colour, deep=look.deep)
    return colour


def _is_straight(source: ImageInput, spec: ImageSpec) -> bool:
    return source.format_name() in _STRAIGHT_READERS or bool(
        spec.get_int_attribute("oiio:UnassociatedAlpha", 0)
    )


def _split(
    band: NDArray[Any], picked: Sequence[int], channels: Channels
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    count = len(channels.colour)
    if list(picked[:count]) == list(range(count)):
        colour = band[..., :count]  # the common case, and no copy
    else:
        colour = band[..., list(picked[:count])]
    if count == 1:
        colour = np.repeat(colour, 3, axis=2)
    alpha = None if channels.alpha is None else band[..., picked[count]]
    return np.ascontiguousarray(colour), alpha


def _lay_over(
    colour: Display, alpha: NDArray[Any] | None, look: Look, *, straight: bool
) -> Display:
    if alpha is None:
        return colour
    top = np.iinfo(colour.dtype).max
    cover = _coverage(alpha, top)
    if cover.min() == top:
        return colour  # nothing shines through: the common case
    wide: NDArray[Any] = colour.astype(np.uint32)
    seen = cover[..., None]
    if straight:
        wide = (wide * seen + top // 2) // top
    if look.background:
        wide = wide + (look.background * (top // _BYTE) * (top - seen) + top // 2) // top
    return np.minimum(wide, top).astype(colour.dtype, copy=False)


def _coverage(alpha: NDArray[Any], top: int) -> NDArray[Any]:
    if alpha.dtype == np.float16:
        clean = np.nan_to_num(alpha.astype(np.float32), nan=1.0, posinf=1.0, neginf=0.0)
        return np.asarray(np.rint(np.clip(clean, 0.0, 1.0) * top), dtype=np.uint32)
    if alpha.dtype == np.uint16 and top == _BYTE:
        alpha = alpha >> 8
    cover: NDArray[Any] = np.asarray(alpha, dtype=np.uint32)
    return cover


def _jpeg2000(path: Path, head: bytes, look: Look) -> OpenPicture:
    # OpenImageIO's wheel has no JPEG 2000; FFmpeg decodes it, whole.
    width, height = formats.jpeg2000_size(head) or (0, 0)
    _check_side(width, height)
    return OpenPicture(width, height, _jpeg2000_band(path, look))


def _jpeg2000_band(path: Path, look: Look) -> Iterator[Display]:
    frame = reading.decode_whole(path, "jpeg2000")
    band = frame.to_ndarray(format="rgba64le" if look.deep else "rgba")
    has_alpha = any(component.is_alpha for component in frame.format.components)
    alpha = band[..., 3] if has_alpha else None
    yield _lay_over(np.ascontiguousarray(band[..., :3]), alpha, look, straight=True)
