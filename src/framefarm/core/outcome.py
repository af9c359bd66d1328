"""When a job has ended, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framefarm.core.states import JobState, StageState

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class StageTally:
    """One stage with its counters, as far as they decide about the job.

    Attributes:
        state: The stage's state.
        pending: Units that could be leased now.
        leased: Units being worked on.
        failed: Units that failed for good.
    """

    state: StageState
    pending: int = 0
    leased: int = 0
    failed: int = 0


def job_outcome(stages: Iterable[StageTally]) -> JobState:
    """Decide whether a job's stages end it.

    A failed unit does not stop the others: a film with one broken frame is rendered to its
    end, so that one look shows everything that is wrong. Units of later stages which need
    the failed one never become pending, so they hold nothing up.

    Returns:
        `done` when all stages are done, `failed` when units failed and nothing else can be
        worked on, else `running`.
    """
    tallies = list(stages)
    if tallies and all(stage.state == StageState.DONE for stage in tallies):
        return JobState.DONE
    active = any(stage.pending or stage.leased for stage in tallies)
    failed = any(stage.failed or stage.state == StageState.FAILED for stage in tallies)
    return JobState.FAILED if failed and not active else JobState.RUNNING
