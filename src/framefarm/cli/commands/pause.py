"""`framefarm pause`."""

from __future__ import annotations

from typing import Any

from framefarm.cli.farm_options import json_option, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.job_choice import jobs_argument
from framefarm.cli.steered import steer


@declare("pause", short_help="Give out no more of a job.")
@jobs_argument
@option("--now", is_flag=True, help="Also take back what is being rendered.")
@json_option
@url_option
def command(*, now: bool, **chosen: Any) -> int:
    """Give out no more of JOBs. Frames being rendered are finished first, unless --now."""
    return steer("pause", chosen, lambda farm, job: farm.pause(job, now=now), now=now)
