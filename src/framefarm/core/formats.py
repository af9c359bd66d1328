"""Still formats and sizes as people type them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from framefarm.core.errors import FrameFarmError

EXTENSIONS: Final = MappingProxyType(
    {
        "PNG": ".png",
        "JPEG": ".jpg",
        "OPEN_EXR": ".exr",
        "OPEN_EXR_MULTILAYER": ".exr",
        "TIFF": ".tif",
        "TARGA": ".tga",
        "TARGA_RAW": ".tga",
        "WEBP": ".webp",
        "BMP": ".bmp",
        "JPEG2000": ".jp2",
        "DPX": ".dpx",
        "CINEON": ".cin",
        "HDR": ".hdr",
        "IRIS": ".rgb",
    }
)
"""File extension of every still format, as Blender 5.0 gives it (`render.file_extension`).
JPEG2000 with the J2K codec ends in `.j2c` instead."""

_ALIASES: Final = MappingProxyType(
    {
        "JPG": "JPEG",
        "EXR": "OPEN_EXR",
        "OPENEXR": "OPEN_EXR",
        "MULTILAYER": "OPEN_EXR_MULTILAYER",
        "EXR_MULTILAYER": "OPEN_EXR_MULTILAYER",
        "MULTILAYER_EXR": "OPEN_EXR_MULTILAYER",
        "OPENEXR_MULTILAYER": "OPEN_EXR_MULTILAYER",
        "TIF": "TIFF",
        "TGA": "TARGA",
        "TGA_RAW": "TARGA_RAW",
        "JP2": "JPEG2000",
        "JPEG_2000": "JPEG2000",
        "CIN": "CINEON",
        "RADIANCE": "HDR",
        "RGB": "IRIS",
        "SGI": "IRIS",
    }
)

_MOVIES: Final = frozenset({"MP4", "MKV", "WEBM", "MOV", "AVI", "OGV", "FFMPEG", "MPEG4"})

_SMALLEST, _LARGEST = 4, 65_536
"""Blender's limits of a side in pixels (`RenderSettings.resolution_x`)."""

_HIGHEST_PERCENTAGE = 1_000
_SHOWN = 40

_SIZE = re.compile(r"(\d{1,9})\s*[x*]\s*(\d{1,9})", re.ASCII | re.IGNORECASE)
_PERCENTAGE = re.compile(r"(\d{1,9})\s*%", re.ASCII)


class FormatError(FrameFarmError):
    """A still format or a size that does not exist.

    Attributes:
        text: What was typed.
    """

    code = "bad_format"

    def __init__(self, message: str, *, text: str) -> None:
        super().__init__(message)
        self.text = text


def parse_still_format(text: str) -> str:
    """Read a still format: Blender's name, or the short one people use.

    Args:
        text: Such as `png`, `JPG`, `exr`, `.tif` or `multilayer`; case does not matter.

    Returns:
        Blender's name, a key of `EXTENSIONS`.

    Raises:
        FormatError: There is no such still format.
    """
    name = re.sub(r"[\s-]+", "_", text.strip().lstrip(".").upper())
    name = _ALIASES.get(name, name)
    if name in EXTENSIONS:
        return name
    if name in _MOVIES:
        raise FormatError(
            f'"{_short(text)}" is a movie, not a still format; choose a still format for the '
            "frames, such as PNG, and ask for the movie besides.",
            text=text,
        )
    close = get_close_matches(name[:_SHOWN], [*EXTENSIONS, *_ALIASES], n=1)
    hint = f"did you mean {close[0]}?" if close else f"use {', '.join(EXTENSIONS)}."
    raise FormatError(f'"{_short(text)}" is no still format; {hint}', text=text)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The size of frames: given in pixels, or as a share of the scene's own.

    Attributes:
        width: Pixels; None for the scene's own.
        height: Pixels; None for the scene's own.
        percentage: Share of that size, in percent.
    """

    width: int | None = None
    height: int | None = None
    percentage: int = 100

    def of(self, width: int, height: int) -> tuple[int, int]:
        """The size of the frames of a scene of `width` x `height` pixels, as Blender rounds it."""
        full = (self.width or width, self.height or height)
        return full[0] * self.percentage // 100, full[1] * self.percentage // 100


def parse_resolution(text: str) -> Resolution:
    """Read a size: `1920x1080` or `50%`.

    Raises:
        FormatError: The text is no size, or one that Blender cannot render.
    """
    size, share = _SIZE.fullmatch(text.strip()), _PERCENTAGE.fullmatch(text.strip())
    if size is not None:
        width, height = int(size[1]), int(size[2])
        if not all(_SMALLEST <= side <= _LARGEST for side in (width, height)):
            raise FormatError(
                f'Resolution "{_short(text)}": each side must have {_SMALLEST} to '
                f"{_LARGEST} pixels.",
                text=text,
            )
        return Resolution(width, height)
    if share is not None:
        percentage = int(share[1])
        if not 1 <= percentage <= _HIGHEST_PERCENTAGE:
            raise FormatError(
                f'Resolution "{_short(text)}": use 1% to {_HIGHEST_PERCENTAGE}%.', text=text
            )
        return Resolution(percentage=percentage)
    raise FormatError(
        f'Resolution "{_short(text)}" is no size; write "1920x1080" or "50%".', text=text
    )


def _short(text: str) -> str:
    cut = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return "".join(char if char.isprintable() else "?" for char in cut)
