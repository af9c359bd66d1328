"""`framefarm pools`: the list, and the list of its commands."""

from __future__ import annotations

import click

from framefarm.cli.display.pool_list import pool_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import CONTEXT, CommandPlace, LazyGroup, goes_on
from framefarm.cli.printing import json_text

PLACES = {
    "limit": CommandPlace(
        "framefarm.cli.commands.pools.limit",
        "Change how many slots of a pool may work.",
        "Limits",
    ),
}


@click.group(
    "pools",
    cls=LazyGroup,
    places=PLACES,
    short_help="List pools of workers, and limit them.",
    context_settings=CONTEXT,
    invoke_without_command=True,
)
@json_option
@url_option
@click.pass_context
def command(context: click.Context, /, url: str | None, *, as_json: bool) -> None:
    """List the pools, by how far their workers are trusted, and how much of them works."""
    if goes_on(context, url, as_json):
        return
    with open_farm(url) as farm:
        found = farm.pools()
    click.echo(json_text(found) if as_json else pool_lines(found))
