"""The still formats Blender writes, told apart by their first bytes.

The names are Blender's own (`bpy.types.ImageFormatSettings.file_format`). Pure: bytes in,
facts out.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD_BYTES: Final = 4096
"""How much of a file's start `sniff` and `declared_size_bytes` want to see."""

FILE_FORMATS: Final = (
    "BMP",
    "CINEON",
    "DPX",
    "HDR",
    "IRIS",
    "JPEG",
    "JPEG2000",
    "OPEN_EXR",
    "OPEN_EXR_MULTILAYER",
    "PNG",
    "TARGA",
    "TARGA_RAW",
    "TIFF",
    "WEBP",
)
"""Every still format a Blender of today can write."""

SCENE_LINEAR: Final = frozenset({"OPEN_EXR", "OPEN_EXR_MULTILAYER", "HDR"})
"""Formats that hold scene-linear light rather than display values."""

# Blender tells two kinds of OpenEXR and of Targa apart, their files look alike.
_FAMILY: Final[Mapping[str, str]] = {"OPEN_EXR_MULTILAYER": "OPEN_EXR", "TARGA_RAW": "TARGA"}

_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x76\x2f\x31\x01", "OPEN_EXR"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"#?RADIANCE", "HDR"),
    (b"#?RGBE", "HDR"),
    (b"SDPX", "DPX"),
    (b"XPDS", "DPX"),
    (b"\x80\x2a\x5f\xd7", "CINEON"),
    (b"\xd7\x5f\x2a\x80", "CINEON"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\x01\xda", "IRIS"),
    (b"BM", "BMP"),
)

# An undefined field of a DPX or Cineon header is all ones; some writers leave 0.
_UNDEFINED: Final = 0xFFFFFFFF

_TARGA_HEADER: Final = struct.Struct("<BBB5x4xHHBB")
_TARGA_KINDS: Final = frozenset({1, 2, 3, 9, 10, 11})
_TARGA_DEPTHS: Final = frozenset({8, 15, 16, 24, 32})


class ViewTransform(StrEnum):
    """How scene-linear light becomes display values.

    Attributes:
        STANDARD: Blender's Standard: the sRGB curve, everything above 1.0 is white.
        SOFT: The same up to 0.8, above it a shoulder that keeps structure in highlights to about 2.
    """

    STANDARD = "standard"
    SOFT = "soft"


def family(file_format: str) -> str:
    """Return the name that files of a Blender format are recognised by.

    Args:
        file_format: One of `FILE_FORMATS`.

    Returns:
        The same name, but `OPEN_EXR` for `OPEN_EXR_MULTILAYER` and `TARGA` for `TARGA_RAW`.
    """
    return _FAMILY.get(file_format, file_format)


def sniff(head: bytes) -> str | None:
    """Tell a picture's format family from its first bytes.

    Args:
        head: The first bytes of the file; 18 are enough.

    Returns:
        A family name (see `family`), or None when nothing fits.
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    # Targa has no magic, so it comes last: a header whose every field makes sense.
    return "TARGA" if _looks_like_targa(head) else None


def _looks_like_targa(head: bytes) -> bool:
    if len(head) < _TARGA_HEADER.size:
        return False
    _, palette, kind, width, height, depth, _ = _TARGA_HEADER.unpack_from(head)
    sane = palette in (0, 1) and kind in _TARGA_KINDS and depth in _TARGA_DEPTHS
    return bool(sane and width and height)


def is_scene_linear(family_name: str) -> bool:
    """Tell whether files of a family hold scene-linear light rather than display values."""
    return family_name in SCENE_LINEAR


def declared_size_bytes(family_name: str, head: bytes) -> int | None:
    """Return the file size that the header itself states.

    DPX and Cineon are plain arrays whose readers fill in zeros when the file is cut short; their
    headers state the whole size (SMPTE 268M field 4, Cineon generic header), so that is checked.

    Args:
        family_name: A name from `sniff`.
        head: The first `HEAD_BYTES` of the file.

    Returns:
        Bytes, or None when the format or this header does not say.
    """
    if family_name not in ("DPX", "CINEON"):
        return None
    offset, minimum = (16, 2048) if family_name == "DPX" else (20, 1024)
    order = ">" if head[:4] in (b"SDPX", b"\x80\x2a\x5f\xd7") else "<"
    if len(head) < offset + 4:
        return minimum
    size = int(struct.unpack_from(f"{order}I", head, offset)[0])
    return size if minimum <= size < _UNDEFINED else minimum


def jpeg2000_size(head: bytes) -> tuple[int, int] | None:
    """Read width and height from a JPEG 2000 header.

    Args:
        head: The first `HEAD_BYTES` of the file.

    Returns:
        Pixels, or None when there is no `ihdr` box (JP2) and no SIZ marker (code stream).
    """
    box = head.find(b"ihdr")
    if 0 <= box <= len(head) - 12:
        height, width = struct.unpack_from(">II", head, box + 4)
        return int(width), int(height)
    marker = head.find(b"\xff\x51")
    if not 0 <= marker <= len(head) - 22:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", head, marker + 6)
    return int(right - left), int(bottom - top)
