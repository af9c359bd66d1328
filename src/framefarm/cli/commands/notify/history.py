"""`framefarm notify history`."""

from __future__ import annotations

import click

from framefarm.cli.display.notify_list import history_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text


@declare("history", short_help="List what you were told, and what not yet.")
@option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=30,
    metavar="N",
    help="How many. Default: 30.",
)
@json_option
@url_option
def command(limit: int, url: str | None, *, as_json: bool) -> None:
    """List what you were told, newest first, and why something was not; for 30 days."""
    with open_farm(url) as farm:
        found = tuple(farm.notifications(limit=limit))
    if as_json:
        click.echo(json_text(found))
        return
    for line in history_lines(found):
        click.echo(line)
