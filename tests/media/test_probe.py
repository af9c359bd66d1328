"""Probing says what a movie holds, or clearly that it is none."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from framefarm.media.encoders import available_encoders, library_versions
from framefarm.media.errors import NotAMovieError
from framefarm.media.movies import encode_segment
from framefarm.media.probe import probe_movie
from framefarm.media.settings import default_for
from tests.media.pictures_made import gradient, write_frames, write_picture


def test_junk_is_no_movie(tmp_path: Path) -> None:
    path = tmp_path / "movie.mp4"
    path.write_bytes(b"not a movie at all" * 100)

    with pytest.raises(NotAMovieError, match=r"movie\.mp4"):
        probe_movie(path)


def test_an_empty_and_a_missing_file_are_no_movies(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    for name in ("empty.mp4", "missing.mp4"):
        with pytest.raises(NotAMovieError):
            probe_movie(tmp_path / name)


def test_a_movie_cut_short_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 12)
    whole = tmp_path / "whole.mp4"
    encode_segment(frames, default_for("mp4", Fraction(24)), whole, threads=1)
    short = tmp_path / "short.mp4"
    short.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])

    try:
        frames_left = probe_movie(short).frames
    except NotAMovieError:
        frames_left = 0

    assert frames_left < 12


def test_a_still_is_a_movie_of_one_frame_at_most(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "frame.png", gradient(32, 32))

    assert probe_movie(path).frames == 1


def test_every_codec_can_be_encoded_with_the_wheels_here() -> None:
    found = available_encoders()

    assert [encoder.codec for encoder in found if not encoder.available] == []
    assert {"h264", "vp9", "ffv1"} <= {encoder.codec for encoder in found}
    assert library_versions()["libavcodec"].count(".") == 2
