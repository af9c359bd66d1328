"""`framefarm shot remove`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.shot_choice import find_shot, jobs_options, shot_argument


@declare("remove", short_help="Delete a shot.")
@shot_argument
@jobs_options
@url_option
def command(shot: str, url: str | None, *, jobs: bool, outputs: bool) -> None:
    """Delete SHOT with its notes; refused while it has jobs."""
    with open_farm(url) as farm:
        farm.delete_shot(find_shot(farm, shot).id, jobs=jobs, outputs=outputs)
    click.echo(f"shot {shot} is deleted")
