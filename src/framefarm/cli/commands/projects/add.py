"""`framefarm projects add`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text


@declare("add", short_help="Make a project.")
@click.argument("name", metavar="NAME")
@option(
    "--priority", type=click.IntRange(0, 100), metavar="0-100", help="Of its jobs. Default: 50."
)
@option("--description", default="", metavar="TEXT", help="For people.")
@json_option
@url_option
def command(
    name: str, priority: int | None, description: str, url: str | None, *, as_json: bool
) -> None:
    """Make a project called NAME, a good name for a folder, which stays.

    Submitting a job for a project that is not there makes it as well.
    """
    with open_farm(url) as farm:
        made = farm.add_project(name, priority=priority, description=description)
    if as_json:
        click.echo(json_text(made))
        return
    click.echo(f"{made.name} is made; next: framefarm submit FILE --project {made.name} --shot 010")
