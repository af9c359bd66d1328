"""`framefarm priority`."""

from __future__ import annotations

from typing import Any

import click

from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import json_option, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.job_choice import jobs_argument
from framefarm.cli.steered import steer


@declare("priority", short_help="Change when a job gets its turn.")
@jobs_argument
@click.argument("priority", metavar="PRIORITY", type=click.IntRange(0, 100))
@option("--stage", metavar="KIND", help="Only this stage of one JOB: render, movie or join.")
@json_option
@url_option
def command(*, priority: int, stage: str | None, **chosen: Any) -> int:
    """Change when JOBs get their turn: 0 to 100, the highest first.

    It holds from the next frames handed out; frames being rendered are finished.
    """
    if stage is not None and len(chosen["jobs"]) != 1:
        raise UsageFailure("--stage is for one JOB at a time")
    whose = f"stage {stage} of job" if stage else "job"
    return steer(
        "priority",
        chosen,
        lambda farm, job: farm.set_priority(job, priority, kind=stage),
        words=lambda job: f"{whose} {job.id} has priority {priority}",
        priority=priority,
    )
