"""What a movie file holds, from its headers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
import av.error

from framefarm.media.errors import NotAMovieError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from av.container import InputContainer
    from av.video.stream import VideoStream

_CONTAINERS: Final[Mapping[str, str]] = {"matroska": "mkv", "mov": "mov"}

# H.273, the code points movies of today carry.
_PRIMARIES: Final = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", 12: "smpte432"}
_CURVES: Final = {
    1: "bt709",
    6: "smpte170m",
    8: "linear",
    13: "iec61966-2-1",
    16: "smpte2084",
    18: "arib-std-b67",
}
_SPACES: Final = {0: "rgb", 1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc"}
_RANGES: Final = {1: "tv", 2: "pc"}


@dataclass(frozen=True, slots=True)
class Colours:
    """How a movie says its colours are meant; `unknown` where it does not.

    Attributes:
        primaries: Such as `bt709`.
        curve: Transfer characteristics, such as `bt709`.
        space: Matrix, such as `bt709` or `rgb`.
        range: `tv` (limited) or `pc` (full).
    """

    primaries: str
    curve: str
    space: str
    range: str


@dataclass(frozen=True, slots=True)
class MovieFacts:
    """What a movie file holds.

    Attributes:
        container: `mp4`, `mov`, `mkv`, `webm`, or FFmpeg's name for others.
        codec: FFmpeg's name, such as `h264`.
        width: Pixels.
        height: Pixels.
        fps: Frames per second; 0 when the file does not say.
        frames: How many frames, counted in its packets.
        duration_s: Seconds the picture lasts.
        pix_fmt: FFmpeg's pixel format, such as `yuv420p`.
        colours: How its colours are meant.
    """

    container: str
    codec: str
    width: int
    height: int
    fps: Fraction
    frames: int
    duration_s: float
    pix_fmt: str
    colours: Colours


def probe_movie(path: Path) -> MovieFacts:
    """Tell what a movie file holds. Reads all its packets and decodes next to nothing.

    Args:
        path: The file.

    Returns:
        Its facts, those of the first video stream.

    Raises:
        NotAMovieError: Missing, junk, cut short before its index, or without video.
    """
    try:
        with av.open(str(path)) as source:
            if not source.streams.video:
                raise NotAMovieError(path, "it holds no video")
            return _facts(path, source, source.streams.video[0])
    except (av.error.FFmpegError, OSError) as error:
        raise NotAMovieError(path, error.strerror or str(error)) from error


def _facts(path: Path, source: InputContainer, video: VideoStream) -> MovieFacts:
    container = _container(path, source)
    colours = _colours(video)
    fps = Fraction(video.average_rate or 0)
    codec, width, height = video.codec_context.name, video.width, video.height
    pixels = video.pix_fmt or "unknown"
    frames, duration_s = _measured(source, video, fps)
    if not (frames and width and height):
        raise NotAMovieError(path, "it holds no frames")
    return MovieFacts(container, codec, width, height, fps, frames, duration_s, pixels, colours)


def _container(path: Path, source: InputContainer) -> str:
    name = source.format.name.split(",")[0]
    ours = _CONTAINERS.get(name, name)
    # Both pairs are one format to FFmpeg's demuxers.
    if ours == "mov" and source.metadata.get("major_brand", "qt  ").strip() != "qt":
        return "mp4"
    return "webm" if ours == "mkv" and path.suffix.lower() == ".webm" else ours


def _colours(video: VideoStream) -> Colours:
    context = video.codec_context
    return Colours(
        _PRIMARIES.get(context.color_primaries, "unknown"),
        _CURVES.get(context.color_trc, "unknown"),
        _SPACES.get(context.colorspace, "unknown"),
        _RANGES.get(context.color_range, "unknown"),
    )


def _measured(source: InputContainer, video: VideoStream, fps: Fraction) -> tuple[int, float]:
    frames, first, last, lasts = 0, None, Fraction(0), Fraction(0)
    for packet in source.demux(video):
        if packet.pts is None:
            continue
        shown = packet.pts * packet.time_base
        first = shown if first is None else min(first, shown)
        last = max(last, shown)
        lasts = (packet.duration or 0) * packet.time_base
        frames += 1
    # Matroska cuts durations to milliseconds; the frame rate is exact.
    return frames, float(last - (first or 0) + (1 / fps if fps else lasts))
