"""When watching a job ends although the job does not."""

from __future__ import annotations

import pytest

from framefarm.cli.failures import JobHeldError, exit_code_of
from framefarm.cli.watching import end_if_held
from framefarm.client.views import Stage
from tests.unit.cli.jobs import job

HELD = "Held: 10 frames failed the same way on 3 workers, and none succeeded: it broke."
RESTING = (Stage(1, "render", "ready", total=48),)


def test_a_held_job_ends_the_watching_with_its_reason_and_status_1():
    with pytest.raises(JobHeldError) as told:
        end_if_held(job(state="paused", message=HELD, stages=RESTING))

    assert HELD in str(told.value)
    assert str(told.value).endswith("framefarm logs 7")
    assert exit_code_of(told.value) == 1


@pytest.mark.parametrize(
    "view",
    [
        job(state="paused", message=HELD),
        job(state="paused", stages=RESTING),
        job(state="running", message="", stages=RESTING),
        job(state="failed", message=HELD, stages=RESTING),
    ],
)
def test_a_job_that_may_go_on_is_watched(view):
    end_if_held(view)
