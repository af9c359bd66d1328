"""How each codec is encoded, and which containers carry it. Pure: tables and strings.

Every encoder is told the same three things in its own words, because segments are encoded on
different machines and joined without re-encoding: a keyframe at the start and then every `gop`
frames exactly, never one where the picture cuts; closed groups, so no frame needs another segment;
headers that depend on the settings alone, not on the machine or its number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from framefarm.media.errors import MovieSettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Options = dict[str, str]

MUXERS: Final[Mapping[str, str]] = {
    "mp4": "mp4",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "webm",
}
"""FFmpeg's muxer for each container."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What an encoder's options are made from.

    Attributes:
        gop: Frames from one keyframe to the next.
        quality: On the codec's own scale; None where it has none.
        profile: The codec's own profile, or empty.
        threads: How many threads the encoder may use.
    """

    gop: int
    quality: int | None
    profile: str
    threads: int


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec FrameFarm can write.

    Attributes:
        name: FrameFarm's name.
        encoder: FFmpeg's encoder.
        containers: Where it may go, the best first.
        pixels: FFmpeg pixel format.
        options: From a tuning to the encoder's options.
        quality: Default quality on the codec's own scale (smaller is better), None without one.
        quality_range: Smallest and largest quality.
        reorder: Most frames by which decoding order runs ahead of showing order.
        tag: Four-character code in MP4 and MOV where FFmpeg's choice does not play everywhere.
        lossless: Whether decoding gives the 8-bit RGB values back bit for bit.
    """

    name: str
    encoder: str
    containers: tuple[str, ...]
    pixels: str
    options: Callable[[Tuning], Options]
    quality: int | None = None
    quality_range: tuple[int, int] = (0, 63)
    reorder: int = 0
    tag: str = ""
    lossless: bool = False

    @property
    def deep(self) -> bool:
        """Whether it keeps more than 8 bits a sample."""
        return "10" in self.pixels

    @property
    def is_rgb(self) -> bool:
        """Whether it stores RGB rather than luma and chroma."""
        return "rgb" in self.pixels or "bgr" in self.pixels


def codec_named(name: str) -> Codec:
    """Look up a codec.

    Raises:
        MovieSettingsError: There is none of that name.
    """
    found = CODECS.get(name)
    if found is None:
        known = ", ".join(CODECS)
        raise MovieSettingsError(f"There is no movie codec {name!r}. Choose one of: {known}.")
    return found


def _h264(tuning: Tuning) -> Options:
    # veryfast is the fastest preset whose files are not several times larger; subme=1 takes a
    # quarter off its time at the same size and PSNR (48 noisy frames of 1080p at crf 18, CPU s and
    # MB: superfast 2.1 and 16.1, veryfast 2.7 and 5.8, with subme=1 1.9 and 5.5, medium 8.5, 5.3).
    options = {
        "preset": "veryfast",
        "crf": str(tuning.quality),
        "forced-idr": "1",
        "x264-params": f"keyint={tuning.gop}:min-keyint={tuning.gop}:scenecut=0:open-gop=0:subme=1",
    }
    # crf 0 is lossless, which the profile for browsers does not have.
    return options | ({"profile": "high"} if tuning.quality else {})


def _h265(tuning: Tuning) -> Options:
    keys = f"keyint={tuning.gop}:min-keyint={tuning.gop}:scenecut=0:open-gop=0"
    # info=0: the settings SEI would differ between machines and is part of the header.
    quiet = f"info=0:log-level=error:pools={tuning.threads}:repeat-headers=0"
    return {
        "preset": "superfast",
        "crf": str(tuning.quality),
        "forced-idr": "1",
        "x265-params": f"{keys}:{quiet}",
    }


def _av1(tuning: Tuning) -> Options:
    # irefresh-type=2: closed groups.
    keys = f"keyint={tuning.gop}:irefresh-type=2:scd=0:lp={tuning.threads}"
    return {"preset": "9", "crf": str(tuning.quality), "svtav1-params": keys}


def _vp9(tuning: Tuning) -> Options:
    return {
        "crf": str(tuning.quality),
        "b": "0",
        "deadline": "good",
        "cpu-used": "5",
        "row-mt": "1",
        "tile-columns": "2",
        "g": str(tuning.gop),
        "keyint_min": str(tuning.gop),
    }


def _prores(tuning: Tuning) -> Options:
    return {"profile": tuning.profile or "hq", "vendor": "apl0"}


def _dnxhd(tuning: Tuning) -> Options:
    return {"profile": tuning.profile or "dnxhr_hq"}


def _ffv1(_: Tuning) -> Options:
    # The number of slices is part of the header, so it must not follow the machine's cores.
    return {"level": "3", "g": "1", "slices": "4", "slicecrc": "1", "coder": "1", "context": "0"}


def _mpeg4(tuning: Tuning) -> Options:
    quality = str(tuning.quality)
    gop = {"g": str(tuning.gop), "sc_threshold": "1000000000", "bf": "0"}
    return {"qmin": quality, "qmax": quality, "global_quality": quality} | gop


def _nothing(_: Tuning) -> Options:
    return {}


def _png(_: Tuning) -> Options:
    return {"pred": "mixed", "compression_level": "3"}


CODECS: Final[Mapping[str, Codec]] = {
    codec.name: codec
    for codec in (
        Codec(
            "h264",
            "libx264",
            ("mp4", "mov", "mkv"),
            "yuv420p",
            _h264,
            quality=18,
            quality_range=(0, 51),
            reorder=2,
        ),
        Codec(
            "h265",
            "libx265",
            ("mp4", "mov", "mkv"),
            "yuv420p",
            _h265,
            quality=20,
            quality_range=(0, 51),
            reorder=2,
            tag="hvc1",  # Apple's players refuse hev1
        ),
        Codec("av1", "libsvtav1", ("mp4", "webm", "mkv"), "yuv420p", _av1, quality=26),
        Codec("vp9", "libvpx-vp9", ("webm", "mkv", "mp4"), "yuv420p", _vp9, quality=24),
        Codec("prores", "prores_ks", ("mov", "mkv"), "yuv422p10le", _prores),
        Codec("dnxhd", "dnxhd", ("mov",), "yuv422p", _dnxhd),
        Codec("ffv1", "ffv1", ("mkv",), "bgr0", _ffv1, lossless=True),
        Codec("png", "png", ("mov",), "rgb24", _png, lossless=True),
        Codec("qtrle", "qtrle", ("mov",), "rgb24", _nothing, lossless=True),
        Codec(
            "mpeg4",
            "mpeg4",
            ("mp4", "mov", "mkv"),
            "yuv420p",
            _mpeg4,
            quality=3,
            quality_range=(1, 31),
        ),
    )
}
"""Every codec by FrameFarm's name."""
