"""Blender's image and movie formats by their numbers in .blend files, and how it names frames.

Numbers are `eImageFormatData_imtype`, `FFMPEG_*` containers and FFmpeg's `AVCodecID`; names are
those of Blender's Python API, so what `bpy` says and what a file says read the same.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

FILE_FORMATS: Final = MappingProxyType(
    {
        0: "TARGA",
        1: "IRIS",
        4: "JPEG",
        14: "TARGA_RAW",
        15: "AVI_RAW",
        16: "AVI_JPEG",
        17: "PNG",
        20: "BMP",
        21: "HDR",
        22: "TIFF",
        23: "OPEN_EXR",
        24: "FFMPEG",
        26: "CINEON",
        27: "DPX",
        28: "OPEN_EXR_MULTILAYER",
        30: "JPEG2000",
        35: "WEBP",
    }
)

MOVIE_FORMATS: Final = frozenset({"FFMPEG", "AVI_RAW", "AVI_JPEG"})

CONTAINERS: Final = MappingProxyType(
    {
        0: "MPEG1",
        1: "MPEG2",
        2: "MPEG4",
        3: "AVI",
        4: "QUICKTIME",
        5: "DV",
        8: "FLASH",
        9: "MKV",
        10: "OGG",
        12: "WEBM",
    }
)

CODECS: Final = MappingProxyType(
    {
        0: "NONE",
        1: "MPEG1",
        2: "MPEG2",
        12: "MPEG4",
        21: "FLASH",
        24: "DV",
        25: "HUFFYUV",
        27: "H264",
        30: "THEORA",
        33: "FFV1",
        55: "QTRLE",
        61: "PNG",
        99: "DNXHD",
        147: "PRORES",
        167: "WEBM",
        173: "H265",
        226: "AV1",
    }
)

COLOR_DEPTHS: Final = MappingProxyType({1: "1", 2: "8", 4: "10", 8: "12", 16: "16", 64: "32"})
COLOR_MODES: Final = MappingProxyType({8: "BW", 24: "RGB", 32: "RGBA"})

EXTENSIONS: Final = MappingProxyType(
    {
        "BMP": ".bmp",
        "CINEON": ".cin",
        "DPX": ".dpx",
        "HDR": ".hdr",
        "IRIS": ".rgb",
        "JPEG": ".jpg",
        "JPEG2000": ".jp2",
        "OPEN_EXR": ".exr",
        "OPEN_EXR_MULTILAYER": ".exr",
        "PNG": ".png",
        "TARGA": ".tga",
        "TARGA_RAW": ".tga",
        "TIFF": ".tif",
        "WEBP": ".webp",
    }
)

# `imb_ext_image` of Blender: an ending among these is replaced, any other is added to.
_IMAGE_ENDINGS: Final = frozenset(
    {".png", ".tga", ".bmp", ".jpg", ".jpeg", ".sgi", ".rgb", ".rgba", ".tif", ".tiff", ".tx"}
    | {".jp2", ".j2c", ".hdr", ".dds", ".dpx", ".cin", ".exr", ".psd", ".pdd", ".psb", ".webp"}
)
_HASHES = re.compile(r"#+(?!.*#)")


def frame_name(output_path: str, frame: int, extension: str) -> str:
    """Name of a frame's file, as `BKE_image_path_from_imformat` makes it.

    Args:
        output_path: The scene's output path, with either kind of slash; only what follows the
            last one matters. `shot_####` numbers in place of the last run of `#`, anything
            without `#` gets four digits at its end.
        frame: Its number, possibly negative.
        extension: With its dot, or empty when the scene adds none ("File Extensions" off).

    Returns:
        The file's name without folders: `shot_0001.png`.
    """
    base = re.split(r"[/\\]", output_path)[-1]
    if "#" not in base:
        base += "####"
    numbered = _HASHES.sub(lambda run: _digits(frame, len(run[0])), base, count=1)
    return _with_extension(numbered, extension)


def _digits(frame: int, width: int) -> str:
    # C's "%.*d": the sign does not count towards the digits.
    return f"{'-' if frame < 0 else ''}{abs(frame):0{width}d}"


def _with_extension(name: str, extension: str) -> str:
    if not extension:
        return name
    stem, dot, ending = name.rpartition(".")
    if dot and f".{ending.lower()}" in _IMAGE_ENDINGS:
        return stem + extension
    return name + extension
