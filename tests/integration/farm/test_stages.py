"""What people see of a job's stages: where their units are, and when each of them ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framefarm.farm.pulse import Pulse
from framefarm.farm.roster import Roster
from framefarm.farm.settings import ManagerSettings
from framefarm.farm.steering import NoSuchJobError, NoSuchStageError
from framefarm.farm.views import JobView, JobViews, StageView
from tests.integration.farm.bench import Bench
from tests.integration.farm.films import usual_film, worked

COUNTERS = ("waiting", "pending", "running", "done", "failed", "cancelled")


@pytest.fixture
def views(tmp_path: Path) -> JobViews:
    return JobViews(ManagerSettings(tmp_path), Pulse(), Roster())


def view(bench: Bench, views: JobViews, job: int) -> JobView:
    return bench.do(views.one, job)


def counted(stage: StageView) -> dict[str, int]:
    return {name: count for name in COUNTERS if (count := getattr(stage, name))}


def left(of: JobView | StageView) -> Any:
    return of.estimate.likely_s if of.estimate is not None else None


def test_each_unit_of_a_stage_is_in_one_place(bench: Bench, views: JobViews):
    job = bench.film("1-6", segment=2)
    worked(bench, "render", 3.0)
    worked(bench, "render", 5.0)
    bench.take(kinds=frozenset({"render"}))

    render, movie, join = view(bench, views, job).stages

    assert counted(render) == {"done": 2, "running": 1, "pending": 3}
    assert counted(movie) == {"pending": 1, "waiting": 2}
    assert counted(join) == {"waiting": 1}
    assert (render.job, render.progress, render.seconds) == (job, 2 / 6, 8.0)
    assert (movie.progress, movie.seconds) == (0.0, 0.0)

    bench.cancel(job)
    assert counted(view(bench, views, job).stages[0]) == {"done": 2, "cancelled": 4}


def test_a_job_ends_with_its_movie(bench: Bench, views: JobViews):
    usual_film(bench)
    job = bench.film("1-4", segment=2)
    worked(bench, "render", 100.0)

    seen = view(bench, views, job)

    frames = left(seen.stages[0])
    assert 200.0 < frames < 400.0
    assert left(seen.stages[1]) == pytest.approx(frames + 600.0)
    assert left(seen) == left(seen.stages[2]) == pytest.approx(frames + 600.0 + 900.0)


def test_with_all_frames_done_what_is_left_of_the_movie_is_told(bench: Bench, views: JobViews):
    usual_film(bench)
    job = bench.film("1-4", segment=2)
    for _ in range(4):
        worked(bench, "render", 1.0)

    seen = view(bench, views, job)

    assert left(seen.stages[0]) is None  # it has ended
    assert left(seen.stages[1]) == pytest.approx(2 * 600.0)
    assert left(seen) == pytest.approx(2 * 600.0 + 900.0)


def test_nothing_is_promised_of_what_nothing_is_known_of(bench: Bench, views: JobViews):
    job = bench.film("1-4", segment=2)
    assert left(view(bench, views, job)) is None
    bench.take(kinds=frozenset({"render"}))

    seen = view(bench, views, job)

    assert (seen.state, left(seen)) == ("running", None)
    assert [left(stage) for stage in seen.stages] == [None] * 3


def test_a_job_that_does_not_run_has_no_end(bench: Bench, views: JobViews):
    usual_film(bench)
    job = bench.film("1-4", segment=2)
    worked(bench, "render", 1.0)
    bench.pause(job)

    seen = view(bench, views, job)

    assert [left(seen), *map(left, seen.stages)] == [None] * 4


def test_a_frame_that_failed_is_waited_for_no_more(bench: Bench, views: JobViews):
    usual_film(bench)
    job = bench.film("1-4", segment=2)
    worked(bench, "render", 1.0)
    for _ in range(2):
        worked(bench, "render", 1.0)
    bench.fail(bench.take(kinds=frozenset({"render"})), reason="refused")

    seen = view(bench, views, job)

    assert counted(seen.stages[0]) == {"done": 3, "failed": 1}
    assert left(seen.stages[0]) is None


def test_a_stage_has_its_own_priority_and_is_read_by_itself(bench: Bench, views: JobViews):
    job = bench.film("1-4", segment=2)
    bench.prioritize(job, 70, kind="movie")

    assert [stage.priority for stage in view(bench, views, job).stages] == [50, 70, 50]
    assert bench.do(views.stage, job, "movie").priority == 70
    with pytest.raises(NoSuchStageError, match="it has: render, movie, join"):
        bench.do(views.stage, job, "slice")
    with pytest.raises(NoSuchJobError):
        bench.do(views.stage, 99, "movie")
