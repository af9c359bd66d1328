from __future__ import annotations

import pytest

from framefarm.core.outcome import StageTally, job_outcome
from framefarm.core.states import JobState, StageState

DONE = StageTally(StageState.DONE)
WAITING = StageTally(StageState.WAITING)


@pytest.mark.parametrize(
    ("stages", "outcome"),
    [
        ([DONE], JobState.DONE),
        ([DONE, DONE, DONE], JobState.DONE),
        ([DONE, WAITING], JobState.RUNNING),
        ([StageTally(StageState.READY, pending=3), WAITING], JobState.RUNNING),
        ([StageTally(StageState.READY, leased=1, failed=1), WAITING], JobState.RUNNING),
        ([StageTally(StageState.READY, pending=1, failed=1)], JobState.RUNNING),
        ([StageTally(StageState.READY, failed=1), WAITING], JobState.FAILED),
        ([StageTally(StageState.FAILED), WAITING], JobState.FAILED),
        (
            [StageTally(StageState.READY, failed=1), StageTally(StageState.READY, leased=1)],
            JobState.RUNNING,
        ),
        ([], JobState.RUNNING),
    ],
)
def test_outcome_of_a_job(stages, outcome):
    assert job_outcome(stages) == outcome
