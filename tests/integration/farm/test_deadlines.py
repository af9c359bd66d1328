"""Jobs that would miss their deadline go first among those of their priority."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from framefarm.core.estimate import Estimate
from framefarm.farm.deadlines import Verdict, apply, judge, set_deadline
from framefarm.farm.duties import look_at_deadlines
from framefarm.farm.service import Farm
from framefarm.farm.settings import ManagerSettings
from framefarm.farm.trial_jobs import TrialRequest, plan_trial_job
from tests.integration.farm.bench import Bench
from tests.integration.farm.films import usual_film, worked

HOUR_S = 3_600.0


def soon() -> float:
    return time.time() + HOUR_S


def takes(likely_s: float, high_s: float | None = None) -> Any:
    """An estimator."""
    return lambda _stage, _slots: Estimate(0.0, likely_s, high_s or likely_s)


def look(bench: Bench, estimate: Any, step: int = 1) -> list[Verdict]:
    found = bench.do(judge, estimate)
    bench.do(apply, found, step)
    return found


def test_a_job_that_would_be_late_goes_before_older_ones_of_its_priority_only(bench: Bench):
    older, more_urgent = bench.trial("1-9"), bench.trial("1", priority=60)
    late = bench.trial("1-9", deadline_at=soon())

    look(bench, takes(2 * HOUR_S), step=5)

    assert bench.job(late).priority == 50
    assert [bench.take().job_id for _ in range(3)] == [more_urgent, late, late]
    assert bench.job(older).raised == 0


def test_it_is_as_people_gave_it_when_it_is_in_time_again(bench: Bench):
    job = bench.trial("1-9", deadline_at=soon())
    bench.take()
    assert look(bench, takes(2 * HOUR_S)) == [Verdict(job, late=True)]
    assert bench.stage(job).priority == 51

    assert look(bench, takes(0.5 * HOUR_S, 1.5 * HOUR_S)) == []
    assert bench.stage(job).priority == 51

    assert look(bench, takes(0.3 * HOUR_S, 0.5 * HOUR_S)) == [Verdict(job, late=False)]
    assert (bench.stage(job).priority, bench.job(job).raised) == (50, 0)


def test_a_job_of_which_nothing_is_known_yet_goes_first_until_it_is(bench: Bench):
    job = bench.trial("1-9", deadline_at=soon())

    assert look(bench, lambda *_: None) == [Verdict(job, late=True)]


def test_a_priority_that_is_given_meanwhile_is_what_it_goes_back_to(bench: Bench):
    job = bench.trial("1-9", deadline_at=soon())
    look(bench, takes(2 * HOUR_S))

    bench.prioritize(job, 70)
    assert bench.stage(job).priority == 71

    bench.do(set_deadline, job, None)
    assert (bench.stage(job).priority, bench.job(job).raised) == (70, 0)
    assert look(bench, takes(2 * HOUR_S)) == []


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_a_job_that_does_not_run_is_left_alone(bench: Bench, how: str):
    job = bench.trial("1-9", deadline_at=soon())
    getattr(bench, how)(job)

    assert look(bench, takes(2 * HOUR_S)) == []
    bench.check()


def by_kind(**seconds: float) -> Any:
    """An estimator that knows some kinds of stage."""
    return lambda stage, _slots: (
        Estimate(*[seconds[stage.kind]] * 3) if stage.kind in seconds else None
    )


@pytest.mark.parametrize(("left_s", "late"), [(1_000 + 1_499, True), (1_000 + 1_501, False)])
def test_the_last_segment_and_the_movie_come_on_top_of_the_frames(
    bench: Bench, left_s: float, *, late: bool
):
    usual_film(bench)
    job = bench.film("1-4", segment=2, deadline_at=time.time() + left_s)
    worked(bench, "render", 1.0)
    bench.take(kinds=frozenset({"render"}))

    assert bench.do(judge, by_kind(render=1_000.0)) == ([Verdict(job, late=True)] if late else [])


@pytest.mark.parametrize(("left_s", "late"), [(2 * 600 + 899, True), (2 * 600 + 901, False)])
def test_with_all_frames_done_what_is_left_of_the_movie_counts(
    bench: Bench, left_s: float, *, late: bool
):
    usual_film(bench)
    job = bench.film("1-4", segment=2, deadline_at=time.time() + left_s)
    for _ in range(4):
        worked(bench, "render", 1.0)

    # Nobody is at the two segments, so they are taken to be made one after the other.
    assert bench.do(judge, by_kind()) == ([Verdict(job, late=True)] if late else [])


def test_of_stages_of_which_nothing_was_ever_done_nothing_is_assumed(bench: Bench):
    job = bench.film("1-4", segment=2, deadline_at=time.time() + 1_001)
    worked(bench, "render", 1.0)
    bench.take(kinds=frozenset({"render"}))

    assert bench.do(judge, by_kind(render=1_000.0)) == []
    assert bench.do(judge, by_kind(render=1_100.0)) == [Verdict(job, late=True)]


async def test_the_manager_raises_a_late_job_and_shows_it(tmp_path: Path):
    farm = Farm(ManagerSettings(tmp_path, low_water_bytes=0))
    await farm.start()
    try:
        request = TrialRequest(units="1-9", deadline_at=soon())
        view, _ = await farm.jobs.submit(plan_trial_job(request))
        assert (view.late, view.priority) == (False, 50)

        await look_at_deadlines(farm)

        late = await farm.jobs.view(view.id)
        assert (late.late, late.priority) == (True, 50)
        assert late.deadline is not None
    finally:
        await farm.stop()
