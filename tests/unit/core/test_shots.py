"""Which version's frames and movie are a shot's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.naming import safe_name
from framefarm.core.shots import (
    FinishedVersion,
    Picked,
    ShotNameError,
    ShownMovie,
    check_name,
    name_key,
    shown_frames,
    shown_movie,
)
from framefarm.core.spans import Spans


def version(number: int, frames: str, *, movie: bool = False) -> FinishedVersion:
    return FinishedVersion(number, Spans.parse(frames), movie)


def picked(number: int, frames: str) -> Picked:
    return Picked(number, Spans.parse(frames))


def test_each_frame_is_of_the_newest_finished_version_that_has_it():
    versions = [version(1, "1-10"), version(2, "2-3"), version(4, "3-4,12")]

    assert shown_frames(versions) == [picked(4, "3-4,12"), picked(2, "2"), picked(1, "1,5-10")]


def test_version_of_which_all_was_made_anew_shows_nothing():
    assert shown_frames([version(1, "2-3"), version(2, "1-4")]) == [picked(2, "1-4")]


def test_shot_without_a_finished_version_has_neither_frames_nor_a_movie():
    assert shown_frames([]) == []
    assert shown_movie([]) is None
    assert shown_movie([], Spans.parse("1-4")) is None


def test_movie_is_of_the_newest_version_that_covers_the_shot():
    versions = [
        version(1, "1-10", movie=True),
        version(2, "1-10", movie=True),
        version(3, "2-3", movie=True),
        version(5, "5"),
    ]

    assert shown_movie(versions) == ShownMovie(2, Spans.parse("2-3,5"))
    assert shown_movie(versions, Spans.parse("2-3")) == ShownMovie(3, Spans())
    assert shown_movie(versions, Spans.parse("1-11")) is None


def test_movie_of_a_part_is_not_the_shots():
    assert shown_movie([version(1, "1-10"), version(2, "2-3", movie=True)]) is None


VERSIONS = st.lists(
    st.tuples(st.sets(st.integers(-3, 9), min_size=1), st.booleans()), max_size=6
).map(
    lambda made: [
        FinishedVersion(number, Spans.from_units(frames), movie)
        for number, (frames, movie) in enumerate(made, start=1)
    ]
)


@given(VERSIONS.flatmap(st.permutations))
def test_every_frame_is_shown_once_and_by_the_highest_number(versions: list[FinishedVersion]):
    shown = {frame: one.number for one in shown_frames(versions) for frame in one.frames}

    assert sum(len(one.frames) for one in shown_frames(versions)) == len(shown)
    assert shown == {
        frame: max(one.number for one in versions if frame in one.frames)
        for frame in {frame for one in versions for frame in one.frames}
    }
    assert all(one.frames for one in shown_frames(versions))


@given(VERSIONS, st.none() | st.sets(st.integers(-3, 9), min_size=1))
def test_movie_covers_the_shot_and_no_newer_one_does(
    versions: list[FinishedVersion], frames: set[int] | None
):
    own = {frame for one in versions for frame in one.frames}
    wanted = own if frames is None else frames
    able = {one.number for one in versions if one.movie and wanted <= set(one.frames)}

    movie = shown_movie(versions, None if frames is None else Spans.from_units(frames))

    assert (movie.number if movie else None) == max(able, default=None)
    if movie is not None:
        shown = {frame: one.number for one in shown_frames(versions) for frame in one.frames}
        covered = versions[movie.number - 1].frames
        newer = {frame for frame in covered if shown[frame] > movie.number}
        assert set(movie.remade) == newer


@pytest.mark.parametrize("name", ["010", "Der Film", "sq01_ä", "日本", "a-b.c", "x" * 100])
def test_good_name_is_taken(name: str):
    check_name("shot", name)


@pytest.mark.parametrize("name", ["", ".", "a/b", "CON", "a ", "a\tb", "x" * 101, "a\u0301"])
def test_refusal_of_a_name_says_what_would_do(name: str):
    with pytest.raises(ShotNameError) as refused:
        check_name("sequence", name)

    assert "sequence" in str(refused.value)
    assert repr(safe_name(name)) in str(refused.value)


def test_names_that_differ_in_capitals_only_have_one_key():
    assert name_key("Straße") == name_key("STRASSE") == name_key("strasse")
    assert name_key("sq01") != name_key("sq02")
