"""From a Blender scene's own movie output to movie settings, with a word on what had to change.

Names are those of `bpy.types.FFmpegSettings`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from framefarm.media.codecs import codec_named
from framefarm.media.settings import MovieSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction


@dataclass(frozen=True, slots=True)
class BlenderMovie:
    """A scene's movie output as Blender names it.

    Attributes:
        container: `FFmpegSettings.format`: `MPEG4`, `MKV`, `WEBM`, `QUICKTIME`, `AVI`, ...
        codec: `FFmpegSettings.codec`: `H264`, `WEBM` (that is VP9), `FFV1`, ...
        constant_rate_factor: `FFmpegSettings.constant_rate_factor`, such as `MEDIUM`.
        prores_profile: `FFmpegSettings.ffmpeg_prores_profile`, such as `422_HQ`.
    """

    container: str
    codec: str
    constant_rate_factor: str = "MEDIUM"
    prores_profile: str = "422_STD"


_CONTAINERS: Final[Mapping[str, str]] = {
    "MPEG4": "mp4",
    "MKV": "mkv",
    "WEBM": "webm",
    "QUICKTIME": "mov",
}
_NEAREST_CONTAINER: Final[Mapping[str, str]] = {"AVI": "mkv", "OGG": "webm"}
_NEAREST_OF_ALL: Final = "mp4"

_CODECS: Final[Mapping[str, str]] = {
    "H264": "h264",
    "H265": "h265",
    "AV1": "av1",
    "WEBM": "vp9",
    "PRORES": "prores",
    "DNXHD": "dnxhd",
    "FFV1": "ffv1",
    "PNG": "png",
    "QTRLE": "qtrle",
    "MPEG4": "mpeg4",
}
_NEAREST_CODEC: Final[Mapping[str, str]] = {"THEORA": "vp9", "HUFFYUV": "ffv1"}

# Blender's own numbers (DNA_scene_types.h, eFFMpegCrf).
_CRF: Final[Mapping[str, int]] = {
    "LOSSLESS": 0,
    "PERC_LOSSLESS": 17,
    "HIGH": 20,
    "MEDIUM": 23,
    "LOW": 26,
    "VERYLOW": 29,
    "LOWEST": 32,
}
_CRF_CODECS: Final = frozenset({"h264", "h265", "av1", "vp9"})

_PRORES: Final[Mapping[str, str]] = {
    "422_PROXY": "proxy",
    "422_LT": "lt",
    "422_STD": "standard",
    "422_HQ": "hq",
}


def from_blender(movie: BlenderMovie, fps: Fraction) -> tuple[MovieSettings, tuple[str, ...]]:
    """Make settings as near to a scene's own as this farm can encode.

    Args:
        movie: The scene's output.
        fps: Frames per second, see `settings.blender_fps`.

    Returns:
        The settings, and a sentence for everything that is not as the scene says.

    Raises:
        MovieSettingsError: The frame rate is none.
    """
    codec = _codec(movie)
    container = _container(movie, codec)
    profile, note = _profile(movie, codec)
    quality = _CRF.get(movie.constant_rate_factor) if codec in _CRF_CODECS else None
    settings = MovieSettings(container, codec, fps, quality=quality, profile=profile)
    return settings, tuple(filter(None, (*_changes(movie, settings), note)))


def _codec(movie: BlenderMovie) -> str:
    if movie.codec in _CODECS:
        return _CODECS[movie.codec]
    for_container = "vp9" if movie.container in ("WEBM", "OGG") else "h264"
    return _NEAREST_CODEC.get(movie.codec, for_container)


def _container(movie: BlenderMovie, codec: str) -> str:
    wanted = _CONTAINERS.get(movie.container) or _NEAREST_CONTAINER.get(
        movie.container, _NEAREST_OF_ALL
    )
    carries = codec_named(codec).containers
    return wanted if wanted in carries else carries[0]


def _changes(movie: BlenderMovie, settings: MovieSettings) -> list[str]:
    changes = []
    if _CODECS.get(movie.codec) != settings.codec and movie.codec != "NONE":
        changes.append(f"The codec {movie.codec} is not supported; using {settings.codec}.")
    if _CONTAINERS.get(movie.container) != settings.container:
        why = "does not carry it" if movie.container in _CONTAINERS else "is not supported"
        changes.append(
            f"The container {movie.container} {why}; writing {settings.codec} "
            f"into {settings.container}."
        )
    return changes


def _profile(movie: BlenderMovie, codec: str) -> tuple[str, str]:
    if codec != "prores":
        return "", ""
    known = _PRORES.get(movie.prores_profile)
    if known:
        return known, ""
    # 4444 keeps an alpha channel; movies here are laid over black.
    return "hq", f"ProRes {movie.prores_profile} is not supported; using 422 HQ."
