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


async def test_the_manager_raises_a_late_job_and_shows_it(tmp_path: Path):
    farm = Farm(ManagerSettings(tmp_path, low_water_bytes=0))
    await farm.start()
    try:
        request = TrialRequest(units="1-9", deadline_at=soon())
        view, _ = await farm.submit(plan_trial_job(request))
        assert (view.late, view.priority) == (False, 50)

        await look_at_deadlines(farm)

        late = await farm.view(view.id)
        assert (late.late, late.priority) == (True, 50)
        assert late.deadline is not None
    finally:
        await farm.stop()
