"""`framefarm retry`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.steered import tell


@declare("retry", short_help="Put failed frames, or any, back to work.")
@job_argument
@option("--frames", metavar="RANGE", help="Make these anew, for example 1-10,20.")
@option("--all", "everything", is_flag=True, help="Make everything anew.")
@json_option
@url_option
def command(
    job: int, frames: str | None, url: str | None, *, everything: bool, as_json: bool
) -> None:
    """Put a job's failed and cancelled frames back to work.

    With --frames or --all frames are made anew whatever became of them: what was rendered is
    replaced, and so are the parts of the movie it is in.
    """
    if frames is not None and everything:
        raise click.UsageError("use either --frames or --all")
    with open_farm(url) as farm:
        tell(farm.retry(job, frames=frames, everything=everything), as_json=as_json)
