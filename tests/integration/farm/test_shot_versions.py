"""Which version's frames and movie are a shot's, as jobs with movies end, fail and are deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from framefarm.core.plans import plan_render
from framefarm.core.spans import Spans
from framefarm.db import tables as t
from framefarm.farm.downloads import NoMovieError
from framefarm.farm.new_jobs import PlannedJob, PlannedStage, Wishes, store_job
from framefarm.farm.shot_changes import change
from framefarm.farm.shot_downloads import shot_files, shot_movie
from framefarm.farm.shot_places import place_job
from framefarm.farm.shot_versions import shot_frames
from tests.integration.farm.bench import Bench


class Shot:
    """A shot on a bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def submit(self, frames: str, *, movie: bool = True, owner: str = "") -> int:
        """Make the next version; returns its job."""
        plan = plan_render(Spans.parse(frames), movie=movie, segment_frames=2)
        stages = tuple(PlannedStage(stage, settings={}, largest_lease=99) for stage in plan.stages)
        job = PlannedJob("j", "render", stages, {}, project="Film", shot="010")
        job = replace(job, wishes=Wishes(owner=owner))
        return self.bench.do(lambda c: store_job(c, place_job(c, job)[0]))

    def render(self, frames: str, **asked: Any) -> int:
        """Make the next version, with all that it is to have."""
        job = self.submit(frames, **asked)
        self.bench.work_off()
        assert self.bench.job(job).state == "done"
        return job

    def movie(self, seen_by: str | None = None) -> tuple[int, str] | None:
        """The version that the shot's movie is of, and what of it was made anew since."""
        movie = self.bench.do(shot_frames, 1, seen_by).movie
        return None if movie is None else (movie.version, movie.remade)


@pytest.fixture
def shot(bench: Bench) -> Shot:
    return Shot(bench)


def test_movie_is_of_the_newest_version_that_covers_the_shot(shot: Shot):
    assert (shot.render("1-4"), shot.movie()) == (1, (1, ""))
    assert (shot.render("2-3"), shot.movie()) == (2, (1, "2-3"))
    third = shot.render("1-4")
    assert shot.movie() == (3, "")
    shot.render("4", movie=False)
    assert shot.movie() == (3, "4")
    found = shot.bench.do(shot_movie, 1)
    [joined] = shot.bench.rows(t.stages, t.stages.c.job_id == third, t.stages.c.kind == "join")
    assert (found.role, found.sha256[:32]) == ("movie", f"{joined.id:032x}")

    shot.bench.delete(third)
    assert shot.movie() == (1, "2-4")


def test_movie_of_a_part_is_the_shots_once_that_is_its_range(shot: Shot):
    shot.render("1-4", movie=False)
    shot.render("2-3")
    assert shot.movie() is None
    with pytest.raises(NoMovieError, match="Film/010 has a movie of all frames 1-4"):
        shot.bench.do(shot_movie, 1)

    shot.bench.do(change, t.shots, 1, {"frames": "2-3"})

    assert shot.movie() == (2, "")


def test_movie_of_a_version_that_failed_does_not_count(shot: Shot):
    shot.render("1-2")
    again = shot.submit("1-2")
    shot.bench.fail(shot.bench.take(), reason="refused")
    shot.bench.work_off()
    assert shot.bench.job(again).state == "failed"

    assert shot.movie() == (1, "")

    shot.bench.retry(again)
    assert shot.movie() == (1, "")
    shot.bench.work_off()
    assert shot.movie() == (2, "")
    shot.bench.check()


def test_artist_has_the_movie_of_own_versions(shot: Shot):
    shot.render("1-4", owner="ada")
    shot.render("1-4", owner="bob")

    assert [shot.movie(who) for who in ("ada", "bob", None)] == [(1, ""), (2, ""), (2, "")]


def test_movie_is_the_last_of_a_shots_files(shot: Shot):
    first = shot.render("1-3")
    second = shot.render("2")

    found = [file for _, file in shot.bench.do(shot_files, 1, limit=99)]

    assert [(file.role, file.unit, file.version, file.job) for file in found] == [
        ("image", 2, 2, second),
        ("image", 1, 1, first),
        ("image", 3, 1, first),
        ("movie", 0, 1, first),
    ]
    places = [place for place, _ in shot.bench.do(shot_files, 1, limit=99)]
    for number, place in enumerate(places):
        rest = shot.bench.do(shot_files, 1, after=place, limit=99)
        assert [file for _, file in rest] == found[number + 1 :]
