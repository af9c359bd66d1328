"""`framefarm pause`."""

from __future__ import annotations

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.steered import tell


@declare("pause", short_help="Give out no more of a job.")
@job_argument
@option("--now", is_flag=True, help="Also take back what is being rendered.")
@json_option
@url_option
def command(job: int, url: str | None, *, now: bool, as_json: bool) -> None:
    """Give out no more of a job. Frames being rendered are finished first, unless --now."""
    with open_farm(url) as farm:
        tell(farm.pause(job, now=now), as_json=as_json)
