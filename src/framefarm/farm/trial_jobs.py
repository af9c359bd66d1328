"""Planning a trial: units that only wait and answer, to see whether a farm's plumbing works."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from framefarm.core.plans import plan_trial
from framefarm.core.spans import Spans
from framefarm.farm.new_jobs import PlannedJob, PlannedStage, Wishes
from framefarm.protocol.tasks import TrialTask


@dataclass(frozen=True)
class TrialRequest:
    """What a trial does.

    Attributes:
        units: Such as `1-1000`.
        seconds: How long each unit takes.
        image_bytes: About how large an image each uploads; 0 for results without files.
        largest_lease: Units of one lease at most.
        wishes: What is asked of the workers.
    """

    units: str
    seconds: float = 0.0
    image_bytes: int = 0
    largest_lease: int = 1_000
    name: str = ""
    project: str = ""
    sequence: str = ""
    shot: str = ""
    priority: int = 50
    max_workers: int | None = None
    deadline_at: float | None = None
    order: str = "sequential"
    fingerprint: str | None = None
    wishes: Wishes = field(default_factory=Wishes)


def plan_trial_job(request: TrialRequest) -> PlannedJob:
    """Plan a trial.

    Raises:
        SpansError: The units are not to be understood.
        PlanError: There is no such order.
    """
    units = Spans.parse(request.units)
    task = TrialTask(seconds=request.seconds, image_bytes=request.image_bytes)
    [stage] = plan_trial(units, order=request.order).stages
    return PlannedJob(
        name=request.name or "trial",
        kind="trial",
        project=request.project,
        sequence=request.sequence,
        shot=request.shot,
        priority=request.priority,
        max_workers=request.max_workers,
        deadline_at=request.deadline_at,
        fingerprint=request.fingerprint,
        wishes=request.wishes,
        settings={"units": str(units), **msgspec.to_builtins(task)},
        stages=(
            PlannedStage(
                plan=stage,
                settings=msgspec.to_builtins(task),
                largest_lease=request.largest_lease,
            ),
        ),
    )
