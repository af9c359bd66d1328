"""Blender's image and movie formats by their numbers in .blend files.

Numbers are `eImageFormatData_imtype`, `FFMPEG_*` containers and FFmpeg's `AVCodecID`; names are
those of Blender's Python API, so what `bpy` says and what a file says read the same.
"""

from __future__ import annotations

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
