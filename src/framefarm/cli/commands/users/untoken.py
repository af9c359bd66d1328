"""`framefarm users untoken`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import open_farm, url_option
from framefarm.cli.groups import command as declare


@declare("untoken", short_help="Take a token away.")
@click.argument("user", metavar="NAME")
@click.argument("token", metavar="NUMBER", type=click.IntRange(1, 10**12))
@url_option
def command(user: str, token: int, url: str | None) -> None:
    """Take a token of NAME away, by its number in `framefarm users`. It counts no more at once."""
    with open_farm(url) as farm:
        farm.remove_token(user, token)
    click.echo(f"token {token} of {user} counts no more")
