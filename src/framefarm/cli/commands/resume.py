"""`framefarm resume`."""

from __future__ import annotations

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.steered import tell


@declare("resume", short_help="Go on with a paused job.")
@job_argument
@json_option
@url_option
def command(job: int, url: str | None, *, as_json: bool) -> None:
    """Go on with a paused job."""
    with open_farm(url) as farm:
        tell(farm.resume(job), as_json=as_json)
