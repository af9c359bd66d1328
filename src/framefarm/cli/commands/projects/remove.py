"""`framefarm projects remove`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.shot_choice import find_project, jobs_options


@declare("remove", short_help="Delete a project with its shots.")
@click.argument("name", metavar="NAME")
@jobs_options
@url_option
def command(name: str, url: str | None, *, jobs: bool, outputs: bool) -> None:
    """Delete the project NAME with its sequences and shots; refused while it has jobs."""
    with open_farm(url) as farm:
        farm.delete_project(find_project(farm, name).id, jobs=jobs, outputs=outputs)
    click.echo(f"{name} is deleted")
