"""`framefarm users logins`."""

from __future__ import annotations

import click

from framefarm.cli.display.user_list import login_lines
from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import check_somebody, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text


@declare("logins", short_help="List in which browsers one is logged in.")
@click.argument("name", metavar="[NAME]", required=False)
@option("--end", is_flag=True, help="End them all, but the one that asks.")
@json_option
@url_option
def command(name: str | None, url: str | None, *, end: bool, as_json: bool) -> None:
    """List in which browsers NAME is logged in; without NAME, you.

    With --end they are logged out there, and tokens of `framefarm login` count no more either.
    """
    if end and as_json:
        raise UsageFailure("--end and --json exclude each other")
    with open_farm(url) as farm:
        if name is None:
            check_somebody(farm, "framefarm users logins NAME")
        if end:
            farm.end_logins(name)
            click.echo(f"{name or 'you'}: logged out everywhere{'' if name else ' else'}")
            return
        found = farm.logins(name)
    if as_json:
        click.echo(json_text(found))
        return
    for line in login_lines(found):
        click.echo(line)
