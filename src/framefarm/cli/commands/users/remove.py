"""`framefarm users remove`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import open_farm, url_option
from framefarm.cli.groups import command as declare


@declare("remove", short_help="Remove a person; jobs stay.")
@click.argument("name", metavar="NAME")
@url_option
def command(name: str, url: str | None) -> None:
    """Remove NAME with all tokens, at once. Their jobs stay and go on."""
    with open_farm(url) as farm:
        farm.remove_user(name)
    click.echo(f"{name} is removed; their jobs stay")
