"""`framefarm projects change`."""

from __future__ import annotations

import click
import msgspec

from framefarm.cli.display.shot_list import project_lines
from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.shot_choice import PROJECT_STATUSES, find_project, read_priority


@declare("change", short_help="Change a status, priority or description.")
@click.argument("name", metavar="NAME")
@option(
    "--status",
    type=click.Choice(PROJECT_STATUSES),
    metavar="STATUS",
    help="active, on_hold, or closed: then no job is taken for it.",
)
@option(
    "--priority", callback=read_priority, metavar="0-100|none", help="Of its jobs that say none."
)
@option("--description", metavar="TEXT", help="For people.")
@json_option
@url_option
def command(
    name: str,
    status: str | None,
    priority: int | str | None,
    description: str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Change what is said of the project NAME. Its name stays, since folders are called so."""
    said = {"status": status, "priority": priority, "description": description}
    if all(value is None for value in said.values()):
        raise UsageFailure("say what is to be different: --status, --priority or --description")
    with open_farm(url) as farm:
        now = farm.change_project(
            find_project(farm, name).id,
            status=status,
            priority=priority,
            description=description,
        )
    click.echo(msgspec.json.encode(now).decode() if as_json else project_lines([now]))
