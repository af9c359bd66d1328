"""`framefarm resume`."""

from __future__ import annotations

from typing import Any

from framefarm.cli.farm_options import json_option, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.job_choice import jobs_argument
from framefarm.cli.steered import steer


@declare("resume", short_help="Go on with a paused job.")
@jobs_argument
@json_option
@url_option
def command(**chosen: Any) -> int:
    """Go on with JOBs that are paused."""
    return steer("resume", chosen, lambda farm, job: farm.resume(job))
