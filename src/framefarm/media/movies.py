"""Encoding a movie in segments, on any machines, and joining them without encoding again.

A segment is a run of frames, normally one group of pictures, in the movie's own container; it can
be played by itself. Joining copies packets and gives each its place by counting frames, so times
are exact whatever the container of the segment rounded them to.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import av
import av.codec
import av.error
from av.codec.context import Flags
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from framefarm.media.codecs import MUXERS
from framefarm.media.errors import EncodeError, EncoderMissingError, SegmentMismatchError
from framefarm.media.files import replacing
from framefarm.media.frames import Geometry, prepared_frames
from framefarm.media.scheduling import keeps_its_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path

    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

    from framefarm.media.codecs import Codec
    from framefarm.media.settings import MovieSettings

# SVT-AV1 prints its settings for every segment unless told to speak of errors only.
os.environ.setdefault("SVT_LOG", "1")

# H.273 code points that PyAV has no name for: RGB as it is, and sRGB's own curve.
_SPACE_RGB = 0
_TRC_SRGB = 13


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """A segment that was encoded.

    Attributes:
        frames: How many frames it holds.
        width: Pixels, padded to even where the codec wants that.
        height: Pixels, padded likewise.
        size_bytes: Size of the file.
    """

    frames: int
    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class JoinFacts:
    """A movie that was joined.

    Attributes:
        frames: How many frames it holds.
        duration_s: `frames / fps`.
        size_bytes: Size of the file.
    """

    frames: int
    duration_s: float
    size_bytes: int


def encode_segment(
    frames: Sequence[Path],
    settings: MovieSettings,
    out: Path,
    *,
    threads: int,
    on_frame: Callable[[int], None] = lambda _: None,
) -> SegmentFacts:
    """Encode pictures, in this order, as one segment.

    Starts with a keyframe and refers to nothing outside. Pictures are decoded ahead in `threads`
    threads, at most `threads + 1` of them wait in memory. RGB becomes BT.709 of limited range and
    says so; odd sizes repeat their last row and column; transparency is laid over black;
    scene-linear pictures go through `settings.view`.

    Args:
        frames: The pictures; all of one size.
        settings: The same for all segments of a movie.
        out: Where the segment goes; appears whole or not at all.
        threads: How many threads to use, 1 or more.
        on_frame: Called after each frame with how many are done; what it raises stops the work.

    Returns:
        What was written.

    Raises:
        ImageUnreadableError: A picture cannot be read.
        EncodeError: No pictures, pictures of different sizes, or the encoder refused.
        EncoderMissingError: This machine has no encoder for the codec.
    """
    if not frames:
        raise EncodeError("A segment needs at least one frame.")
    threads = max(1, threads)
    plan = settings.plan
    first = Geometry.of(frames[0], settings)
    with _translated(out), replacing(out, suffix=settings.suffix) as temporary:
        with _writing(temporary, settings) as target:
            stream = _video_stream(target, settings, plan, first, threads)
            pictures = prepared_frames(frames, settings, first, threads=threads)
            for decoded, packet in enumerate(_encoded(stream, pictures, settings, on_frame)):
                _place(packet, settings, decoded=decoded, shown=_frame_number(packet, settings.fps))
                target.mux(packet)
        size_bytes = temporary.stat().st_size
    return SegmentFacts(len(frames), first.coded_width, first.coded_height, size_bytes)


def _encoded(
    stream: VideoStream,
    pictures: Iterator[av.VideoFrame],
    settings: MovieSettings,
    on_frame: Callable[[int], None],
) -> Iterator[Packet[VideoStream]]:
    with keeps_its_turn():
        stream.codec_context.open(strict=False)
    for done, picture in enumerate(pictures):
        picture.pts, picture.time_base = done, 1 / settings.fps
        yield from stream.encode(picture)
        on_frame(done + 1)
    yield from stream.encode(None)


def join_segments(
    segments: Sequence[Path],
    settings: MovieSettings,
    out: Path,
    *,
    on_segment: Callable[[int], None] = lambda _: None,
) -> JoinFacts:
    """Make one movie of segments, without encoding again.

    Takes time in proportion to their bytes and one open segment at a time.

    Args:
        segments: Files of `encode_segment` with these settings, in order.
        settings: The movie's settings.
        out: Where the movie goes; appears whole or not at all, and is on disk when this returns.
        on_segment: Called after each segment with how many frames are done.

    Returns:
        What was written.

    Raises:
        SegmentMismatchError: A segment does not fit the ones before it, or is broken.
        EncodeError: No segments, or the movie cannot be written.
    """
    if not segments:
        raise EncodeError("A movie needs at least one segment.")
    with _translated(out), replacing(out, suffix=settings.suffix, durable=True) as temporary:
        with _writing(temporary, settings) as target:
            frames = _copy_all(segments, settings, target, on_segment)
        size_bytes = temporary.stat().st_size
    return JoinFacts(frames, float(frames / settings.fps), size_bytes)


@contextmanager
def _translated(out: Path) -> Iterator[None]:
    try:
        yield
    except av.error.FFmpegError as error:
        raise EncodeError(f"Cannot write {out}: {error.strerror}.") from error


def _writing(temporary: Path, settings: MovieSettings) -> OutputContainer:
    # bitexact: no dates and no random numbers, so the same frames give the same bytes.
    options = {"fflags": "+bitexact"}
    if settings.container in ("mp4", "mov"):
        options["movflags"] = "+faststart"
    return av.open(str(temporary), "w", format=MUXERS[settings.container], options=options)


def _video_stream(
    target: OutputContainer, settings: MovieSettings, plan: Codec, size: Geometry, threads: int
) -> VideoStream:
    try:
        stream = target.add_stream(
            plan.encoder, rate=settings.fps, options=plan.options(settings.tuning(threads))
        )
    except av.codec.codec.UnknownCodecError as error:
        raise EncoderMissingError(plan.name, plan.encoder) from error
    video = cast("VideoStream", stream)
    video.width, video.height, video.pix_fmt = size.coded_width, size.coded_height, plan.pixels
    video.time_base = 1 / settings.fps
    context = video.codec_context
    context.time_base, context.thread_count = 1 / settings.fps, threads
    context.flags |= Flags.closed_gop | Flags.bitexact
    if plan.tag:
        context.codec_tag = plan.tag
    _tag_colours(context, plan)
    return video


def _tag_colours(context: VideoCodecContext, plan: Codec) -> None:
    context.color_primaries = ColorPrimaries.BT709
    if plan.is_rgb:
        context.colorspace, context.color_trc = _SPACE_RGB, _TRC_SRGB
        context.color_range = ColorRange.JPEG
        return
    context.colorspace, context.color_trc = Colorspace.ITU709, ColorTrc.BT709
    context.color_range = ColorRange.MPEG


def _copy_all(
    segments: Sequence[Path],
    settings: MovieSettings,
    target: OutputContainer,
    on_segment: Callable[[int], None],
) -> int:
    joined: VideoStream | None = None
    header: tuple[object, ...] = ()
    frames = 0
    for path in segments:
        with _segment(path, look_inside=joined is None) as source:
            video = source.streams.video[0]
            if joined is None:
                header = _header(video)
                joined = _copied_stream(target, video, settings)
            elif _header(video) != header:
                raise SegmentMismatchError(path, "other codec, size or encoder settings")
            frames += _copy(path, source, target, joined, settings, start=frames)
        on_segment(frames)
    return frames


@contextmanager
def _segment(path: Path, *, look_inside: bool) -> Iterator[InputContainer]:
    # FFmpeg decodes a frame of every file it opens to learn the pixel format: 18 ms of 1080p. The
    # muxer needs to know that once; the headers of the other segments must be the same anyway.
    options = {} if look_inside else {"skip_frame": "all"}
    try:
        with av.open(str(path), options=options) as source:
            if not source.streams.video:
                raise SegmentMismatchError(path, "it holds no video")
            yield source
    except av.error.InvalidDataError as error:
        raise SegmentMismatchError(path, "it is broken") from error
    except av.error.FileNotFoundError as error:
        raise SegmentMismatchError(path, "it is missing") from error


def _header(video: VideoStream) -> tuple[object, ...]:
    context = video.codec_context
    return (context.name, context.width, context.height, context.extradata)


def _copied_stream(
    target: OutputContainer, video: VideoStream, settings: MovieSettings
) -> VideoStream:
    # opaque: take the decoder as it is; PyAV else looks for an encoder of the decoder's name and
    # finds none for AV1 (libdav1d).
    joined = target.add_stream_from_template(video, opaque=True)
    joined.time_base = 1 / settings.fps
    joined.codec_context.framerate = settings.fps
    if settings.plan.tag:
        joined.codec_context.codec_tag = settings.plan.tag
    return joined


def _copy(
    path: Path,
    source: InputContainer,
    target: OutputContainer,
    joined: VideoStream,
    settings: MovieSettings,
    *,
    start: int,
) -> int:
    count, last = 0, -1
    for packet in source.demux(source.streams.video[0]):
        if packet.pts is None:
            continue  # the demuxer's word that it is at its end
        if not count and not packet.is_keyframe:
            raise SegmentMismatchError(path, "it does not start with a keyframe")
        shown = _frame_number(packet, settings.fps)
        last = max(last, shown)
        _place(packet, settings, decoded=start + count, shown=start + shown)
        packet.stream = joined
        target.mux(packet)
        count += 1
    if not count or last != count - 1:
        raise SegmentMismatchError(path, f"{count} frames where its times speak of {last + 1}")
    return count


def _frame_number(packet: Packet[VideoStream], fps: Fraction) -> int:
    # Rounds: Matroska keeps milliseconds only, which still tell frames apart up to 960 a second.
    pts = cast("int", packet.pts)
    return round(pts * packet.time_base * fps)


def _place(
    packet: Packet[VideoStream], settings: MovieSettings, *, decoded: int, shown: int
) -> None:
    """Give a packet its exact times, in frames.

    Decoding runs ahead by the codec's fixed reorder depth, so decoding times rise by one each
    packet over all segments and never pass the showing time. The encoder's own are not used:
    x265 gives random ones for a segment shorter than its look-ahead.
    """
    packet.time_base = 1 / settings.fps
    packet.pts, packet.dts = shown, decoded - settings.plan.reorder
    packet.duration = 1
