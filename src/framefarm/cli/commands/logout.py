"""`framefarm logout`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import farm_url, open_farm
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.kept_logins import drop_login, kept_logins
from framefarm.cli.settings import load_settings
from framefarm.client.errors import ClientError


@declare("logout", short_help="End what `login` began.")
@click.argument("url", metavar="[URL]", required=False)
@option("--everywhere", is_flag=True, help="End all your other logins there as well.")
def command(url: str | None, *, everywhere: bool) -> None:
    """End the login at a manager; its token counts no more there, and is kept no more here."""
    found, home = farm_url(url), load_settings().home
    kept = kept_logins(home).get(found)
    if kept is None:
        click.echo(f"not logged in at {found}")
        return
    try:
        with open_farm(found, token=kept.token) as farm:
            if everywhere:
                farm.end_logins()
            farm.log_out()
    except ClientError as error:
        drop_login(home, found)
        click.echo(f"logged out here; the manager was not told: {error}", err=True)
        return
    drop_login(home, found)
    click.echo(f"logged out at {found}")
