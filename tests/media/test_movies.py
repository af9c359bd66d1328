"""Segments and joined movies of real encoders: every frame there, in its place, in its colours."""

from __future__ import annotations

import os
import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from framefarm.media.codecs import CODECS
from framefarm.media.errors import (
    EncodeError,
    EncoderMissingError,
    ImageUnreadableError,
    SegmentMismatchError,
)
from framefarm.media.movies import encode_segment, join_segments
from framefarm.media.probe import probe_movie
from framefarm.media.settings import MovieSettings, default_for
from tests.media.pictures_made import (
    decoded,
    gradient,
    open_file_count,
    psnr,
    write_frames,
    write_picture,
)

NTSC = Fraction(24000, 1001)
EXACT = ("mp4", "mov")
EVERY = [(codec.name, container) for codec in CODECS.values() for container in codec.containers]


def joined(
    frames: list[Path], settings: MovieSettings, folder: Path, cuts: tuple[int, ...]
) -> Path:
    ends = [*cuts, len(frames)]
    segments = []
    for number, (first, end) in enumerate(zip([0, *cuts], ends, strict=True)):
        segments.append(folder / f"segment{number}{settings.suffix}")
        encode_segment(frames[first:end], settings, segments[-1], threads=2)
    out = folder / f"movie{settings.suffix}"
    facts = join_segments(segments, settings, out)
    assert facts.frames == len(frames)
    return out


def assert_on_time(times: list[Fraction], settings: MovieSettings, count: int) -> None:
    assert len(times) == count
    # Matroska keeps milliseconds; MP4 and MOV are exact.
    slack = Fraction(0) if settings.container in EXACT else Fraction(1, 2000)
    for number, time in enumerate(times):
        assert abs(time - number / settings.fps) <= slack


@pytest.mark.parametrize(("codec", "container"), EVERY)
def test_three_unequal_segments_join_to_every_frame_in_its_place(
    tmp_path: Path, codec: str, container: str
) -> None:
    # given
    size = (256, 144) if codec == "dnxhd" else (96, 64)
    frames = write_frames(tmp_path / "frames", 15, width=size[0], height=size[1])
    settings = MovieSettings(container, codec, NTSC)

    # when
    movie = joined(frames, settings, tmp_path, (9, 10))

    # then
    times, pictures = decoded(movie)
    assert_on_time(times, settings, 15)
    least = 99 if CODECS[codec].lossless else 30
    for number, picture in enumerate(pictures):
        assert psnr(picture, gradient(*size, moved=number)) >= least
    facts = probe_movie(movie)
    assert (facts.container, facts.width, facts.height) == (container, *size)
    assert (facts.frames, facts.fps) == (15, NTSC)
    assert facts.duration_s == pytest.approx(float(15 / NTSC), abs=0.001)
    assert facts.pix_fmt == CODECS[codec].pixels


@pytest.mark.parametrize(
    "fps", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(12, 5)]
)
@pytest.mark.parametrize("container", ["mp4", "mkv", "webm", "mov"])
def test_frame_rates_are_exact(tmp_path: Path, container: str, fps: Fraction) -> None:
    frames = write_frames(tmp_path / "frames", 5, width=32, height=32)
    settings = default_for(container, fps)

    movie = joined(frames, settings, tmp_path, (3,))

    times, _ = decoded(movie)
    assert_on_time(times, settings, 5)
    assert probe_movie(movie).fps == fps


@pytest.mark.parametrize("container", ["mp4", "mkv", "webm", "mov"])
def test_a_movie_of_one_frame(tmp_path: Path, container: str) -> None:
    frames = write_frames(tmp_path / "frames", 1)
    settings = default_for(container, Fraction(24))

    times, pictures = decoded(joined(frames, settings, tmp_path, ()))

    assert times == [0]
    assert psnr(pictures[0], gradient(96, 64)) > 30
    assert probe_movie(tmp_path / f"movie.{container}").duration_s == pytest.approx(1 / 24)


def test_packets_decode_in_rising_order_and_keyframes_fall_every_gop(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 30, width=64, height=48)
    settings = MovieSettings("mp4", "h264", Fraction(24), gop=8)

    movie = joined(frames, settings, tmp_path, (16, 24))

    with av.open(str(movie)) as source:
        packets = [p for p in source.demux(source.streams.video[0]) if p.pts is not None]
        step = 1 / (settings.fps * source.streams.video[0].time_base)
    dts = [packet.dts for packet in packets]
    assert dts == sorted(set(dts))
    assert all(packet.dts <= packet.pts for packet in packets)
    keys = [packet.pts / step for packet in packets if packet.is_keyframe]
    assert keys == [0, 8, 16, 24]
    assert any(packet.pts < earlier.pts for earlier, packet in pairwise(packets))


def test_a_segment_plays_by_itself(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 20)
    settings = default_for("mp4", Fraction(24))

    facts = encode_segment(frames[7:], settings, tmp_path / "part.mp4", threads=2)

    times, pictures = decoded(tmp_path / "part.mp4")
    assert facts.frames == 13
    assert_on_time(times, settings, 13)
    assert psnr(pictures[0], gradient(96, 64, moved=7)) > 30


PATCHES = [
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 255),
    (0, 0, 0),
    (128, 128, 128),
    (255, 255, 0),
    (200, 100, 50),
    (13, 77, 201),
]


def bt709(rgb: tuple[int, int, int]) -> tuple[float, float, float]:
    """Luma and chroma by ITU-R BT.709, limited range."""
    red, green, blue = (value / 255 for value in rgb)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (
        16 + 219 * luma,
        128 + 224 * (blue - luma) / 1.8556,
        128 + 224 * (red - luma) / 1.5748,
    )


@pytest.mark.parametrize(
    ("codec", "container"), [("h264", "mp4"), ("h265", "mkv"), ("vp9", "webm"), ("av1", "mp4")]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_are_bt709_limited_within_two_levels(
    tmp_path: Path, codec: str, container: str, dtype: type[np.generic]
) -> None:
    # given
    row = np.repeat(np.array(PATCHES, np.uint16), 32, axis=0)
    pixels = np.repeat(row[None], 64, axis=0)
    pixels = pixels.astype(np.uint8) if dtype is np.uint8 else pixels * 257
    frame = write_picture(tmp_path / "patches.png", pixels)
    settings = MovieSettings(container, codec, Fraction(24), quality=1)

    # when
    movie = joined([frame, frame], settings, tmp_path, (1,))

    # then
    with av.open(str(movie)) as source:
        picture = next(source.decode(video=0))
    planes = [
        np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        for plane in picture.planes
    ]
    for number, patch in enumerate(PATCHES):
        x = 32 * number + 16
        seen = (planes[0][32, x], planes[1][16, x // 2], planes[2][16, x // 2])
        assert np.abs(np.subtract(seen, bt709(patch))).max() <= 2
    colours = probe_movie(movie).colours
    assert (colours.primaries, colours.curve, colours.space, colours.range) == (
        "bt709",
        "bt709",
        "bt709",
        "tv",
    )


def test_odd_sizes_repeat_their_last_row_and_column(tmp_path: Path) -> None:
    pixels = np.zeros((33, 47, 3), np.uint8)
    pixels[:, -1], pixels[-1] = (250, 250, 250), (250, 250, 250)
    frame = write_picture(tmp_path / "odd.png", pixels)
    settings = MovieSettings("mp4", "h264", Fraction(24), quality=4)

    facts = encode_segment([frame], settings, tmp_path / "odd.mp4", threads=1)

    _, pictures = decoded(tmp_path / "odd.mp4")
    assert (facts.width, facts.height) == (48, 34)
    assert pictures[0][:, 47].min() > 230
    assert pictures[0][33].min() > 230
    assert pictures[0][5, 5].max() < 20


def test_lossless_keeps_odd_sizes_and_every_bit(tmp_path: Path) -> None:
    rough = np.random.default_rng(0).integers(0, 255, (33, 47, 3)).astype(np.uint8)
    frame = write_picture(tmp_path / "rough.png", rough)
    settings = MovieSettings("mkv", "ffv1", Fraction(24))

    movie = joined([frame, frame], settings, tmp_path, (1,))

    _, pictures = decoded(movie)
    assert [np.array_equal(picture, rough) for picture in pictures] == [True, True]


def test_transparency_is_laid_over_black(tmp_path: Path) -> None:
    pixels = np.full((32, 64, 4), (200, 200, 200, 0), np.uint8)
    pixels[:, 32:, 3] = 255
    frame = write_picture(tmp_path / "alpha.png", pixels, **{"oiio:UnassociatedAlpha": 1})

    encode_segment([frame], default_for("mp4", Fraction(24)), tmp_path / "a.mp4", threads=1)

    _, pictures = decoded(tmp_path / "a.mp4")
    assert pictures[0][16, 10].max() < 6
    assert abs(pictures[0][16, 54].astype(int) - 200).max() < 6


def test_scene_linear_frames_go_through_the_view(tmp_path: Path) -> None:
    frame = write_picture(tmp_path / "light.exr", np.full((32, 32, 3), 0.5, np.float32))

    encode_segment([frame], default_for("mp4", Fraction(24)), tmp_path / "a.mp4", threads=1)

    _, pictures = decoded(tmp_path / "a.mp4")
    assert abs(pictures[0].astype(int) - 188).max() <= 3


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 6)
    settings = default_for("mp4", Fraction(24))

    first = joined(frames, settings, tmp_path, (3,)).read_bytes()
    second = joined(frames, settings, tmp_path, (3,)).read_bytes()

    assert first == second


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "vp9", "ffv1"])
def test_segments_of_different_thread_counts_join(tmp_path: Path, codec: str) -> None:
    frames = write_frames(tmp_path / "frames", 9)
    settings = MovieSettings("mkv", codec, Fraction(24))
    segments = [tmp_path / f"{number}.mkv" for number in range(3)]
    for number, segment in enumerate(segments):
        encode_segment(frames[3 * number : 3 * number + 3], settings, segment, threads=number + 1)

    assert join_segments(segments, settings, tmp_path / "movie.mkv").frames == 9
    assert len(decoded(tmp_path / "movie.mkv")[0]) == 9


@pytest.mark.parametrize("codec", [codec.name for codec in CODECS.values()])
def test_no_encoder_puts_itself_before_all_else_on_the_machine(tmp_path: Path, codec: str) -> None:
    before = os.sched_getscheduler(0), os.nice(0)
    seen = set()

    def look(_: int) -> None:
        threads = Path("/proc/self/task").iterdir()
        seen.update(os.sched_getscheduler(int(thread.name)) for thread in threads)

    frames = write_frames(tmp_path, 3, width=256, height=128)
    settings = MovieSettings(CODECS[codec].containers[0], codec, Fraction(24))
    encode_segment(frames, settings, tmp_path / f"a{settings.suffix}", threads=2, on_frame=look)

    look(3)
    assert seen == {before[0]}
    assert (os.sched_getscheduler(0), os.nice(0)) == before


def test_a_thousand_segments_join_with_few_open_files(tmp_path: Path) -> None:
    # given
    frames = write_frames(tmp_path / "frames", 2, width=32, height=32)
    settings = default_for("mp4", Fraction(24))
    segment = tmp_path / "segment.mp4"
    encode_segment(frames, settings, segment, threads=1)
    open_files: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            open_files.append(open_file_count())

    watcher = threading.Thread(target=watch)
    before = open_file_count()
    watcher.start()

    # when
    facts = join_segments([segment] * 1000, settings, tmp_path / "movie.mp4")
    done.set()
    watcher.join()

    # then
    assert facts.frames == 2000
    assert max(open_files) <= before + 5
    assert probe_movie(tmp_path / "movie.mp4").duration_s == pytest.approx(2000 / 24)


def test_mp4_puts_its_index_first(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 3)

    content = joined(frames, default_for("mp4", Fraction(24)), tmp_path, ()).read_bytes()

    assert content.find(b"moov") < content.find(b"mdat")


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 7)
    seen: list[int] = []

    encode_segment(
        frames,
        default_for("mp4", Fraction(24)),
        tmp_path / "a.mp4",
        threads=2,
        on_frame=seen.append,
    )

    assert seen == [1, 2, 3, 4, 5, 6, 7]


class StopError(Exception):
    pass


def test_what_progress_raises_stops_the_work_and_leaves_nothing(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 9)
    (tmp_path / "out").mkdir()

    def stop_at_three(done: int) -> None:
        if done == 3:
            raise StopError

    with pytest.raises(StopError):
        encode_segment(
            frames,
            default_for("mp4", Fraction(24)),
            tmp_path / "out" / "a.mp4",
            threads=2,
            on_frame=stop_at_three,
        )

    assert list((tmp_path / "out").iterdir()) == []


def test_a_frame_of_another_size_is_named(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 3)
    write_picture(frames[1], gradient(98, 64))

    with pytest.raises(EncodeError, match=r"0001\.png is 98x64, the movie 96x64"):
        encode_segment(frames, default_for("mp4", Fraction(24)), tmp_path / "a.mp4", threads=2)

    assert not (tmp_path / "a.mp4").exists()


def test_a_frame_that_breaks_off_is_named(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 3)
    frames[2].write_bytes(frames[2].read_bytes()[:200])

    with pytest.raises(ImageUnreadableError, match=r"0002\.png"):
        encode_segment(frames, default_for("mp4", Fraction(24)), tmp_path / "a.mp4", threads=2)


def test_no_frames_and_no_segments_are_refused(tmp_path: Path) -> None:
    settings = default_for("mp4", Fraction(24))
    with pytest.raises(EncodeError, match="at least one frame"):
        encode_segment([], settings, tmp_path / "a.mp4", threads=1)
    with pytest.raises(EncodeError, match="at least one segment"):
        join_segments([], settings, tmp_path / "a.mp4")


def test_a_segment_of_other_settings_does_not_join(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 2)
    settings = default_for("mp4", Fraction(24))
    good, other = tmp_path / "good.mp4", tmp_path / "other.mp4"
    encode_segment(frames, settings, good, threads=1)
    encode_segment(frames, MovieSettings("mp4", "vp9", Fraction(24)), other, threads=1)
    movie = tmp_path / "movie.mp4"
    movie.write_bytes(b"earlier")

    with pytest.raises(SegmentMismatchError, match=r"other\.mp4"):
        join_segments([good, other], settings, movie)

    assert movie.read_bytes() == b"earlier"


@pytest.mark.parametrize("content", [None, b"", b"junk" * 500])
def test_a_broken_or_missing_segment_is_named(tmp_path: Path, content: bytes | None) -> None:
    bad = tmp_path / "bad.mp4"
    if content is not None:
        bad.write_bytes(content)

    with pytest.raises(SegmentMismatchError, match=r"bad\.mp4"):
        join_segments([bad], default_for("mp4", Fraction(24)), tmp_path / "movie.mp4")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 1)

    with pytest.raises(EncodeError, match="nowhere"):
        encode_segment(
            frames, default_for("mp4", Fraction(24)), tmp_path / "nowhere" / "a.mp4", threads=1
        )


def test_a_missing_encoder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = write_frames(tmp_path / "frames", 1)
    monkeypatch.setattr("framefarm.media.codecs.CODECS", {**CODECS, "h264": _unknown_encoder()})

    with pytest.raises(EncoderMissingError, match="libnothing"):
        encode_segment(frames, default_for("mp4", Fraction(24)), tmp_path / "a.mp4", threads=1)


def _unknown_encoder() -> object:
    plan = CODECS["h264"]
    return type(plan)("h264", "libnothing", plan.containers, plan.pixels, plan.options, quality=18)
