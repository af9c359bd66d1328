"""`framefarm users password`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import check_somebody, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.secrets_asked import ask_new_password, ask_secret


@declare("password", short_help="Set a password, or change one's own.")
@click.argument("name", metavar="[NAME]", required=False)
@url_option
def command(name: str | None, url: str | None) -> None:
    """Give NAME a password, as an admin; without NAME change your own, with the old one.

    It is asked for, or read from standard input. All logins of that person end with it, but the one
    that changes it; tokens of `framefarm users token` stay.
    """
    with open_farm(url) as farm:
        if name is None:
            check_somebody(farm, "framefarm users password NAME")
            old = ask_secret("Old password")
            farm.change_password(old, ask_new_password())
            click.echo("your password is changed, and all other logins are ended")
            return
        farm.user(name)
        farm.set_password(name, ask_new_password(f"New password of {name}"))
    click.echo(f"{name} has a new password, and is logged out everywhere")
