"""`framefarm cancel`."""

from __future__ import annotations

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.steered import tell


@declare("cancel", short_help="Stop a job; what is finished stays.")
@job_argument
@json_option
@url_option
def command(job: int, url: str | None, *, as_json: bool) -> None:
    """Stop a job. Frames that are finished stay and can be fetched."""
    with open_farm(url) as farm:
        tell(farm.cancel(job), as_json=as_json)
