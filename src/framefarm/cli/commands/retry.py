"""`framefarm retry`."""

from __future__ import annotations

from typing import Any

from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import json_option, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.job_choice import jobs_argument
from framefarm.cli.steered import steer


@declare("retry", short_help="Put failed frames, or any, back to work.")
@jobs_argument
@option("--frames", metavar="RANGE", help="Make these of one JOB anew, for example 1-10,20.")
@option("--all", "everything", is_flag=True, help="Make everything of one JOB anew.")
@json_option
@url_option
def command(*, frames: str | None, everything: bool, **chosen: Any) -> int:
    """Put the failed and cancelled frames of JOBs back to work.

    With --frames or --all frames are made anew whatever became of them: what was rendered is
    replaced, and so are the parts of the movie it is in.
    """
    if frames is not None and everything:
        raise UsageFailure("use either --frames or --all")
    if (frames is not None or everything) and len(chosen["jobs"]) != 1:
        raise UsageFailure("--frames and --all are for one JOB at a time")
    return steer(
        "retry", chosen, lambda farm, job: farm.retry(job, frames=frames, everything=everything)
    )
