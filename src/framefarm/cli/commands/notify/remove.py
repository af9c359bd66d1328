"""`framefarm notify remove`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.notify_options import find_target, target_argument


@declare("remove", short_help="Be told there no more.")
@target_argument
@url_option
def command(target: str, url: str | None) -> None:
    """Be told at TARGET no more, at once; what waits is not sent."""
    with open_farm(url) as farm:
        found = find_target(farm, target)
        farm.remove_notify_target(found.id)
    click.echo(f"{found.name} is removed")
