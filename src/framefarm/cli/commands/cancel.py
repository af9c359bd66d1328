"""`framefarm cancel`."""

from __future__ import annotations

from typing import Any

from framefarm.cli.farm_options import json_option, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.job_choice import jobs_argument
from framefarm.cli.steered import steer


@declare("cancel", short_help="Stop a job; what is finished stays.")
@jobs_argument
@json_option
@url_option
def command(**chosen: Any) -> int:
    """Stop JOBs. Frames that are finished stay and can be fetched."""
    return steer("cancel", chosen, lambda farm, job: farm.cancel(job))
