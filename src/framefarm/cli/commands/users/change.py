"""`framefarm users change`."""

from __future__ import annotations

import click

from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text
from framefarm.core.accounts import UserRole


@declare("change", short_help="Change a role or address, or disable.")
@click.argument("name", metavar="NAME")
@option(
    "--role",
    type=click.Choice([role.value for role in UserRole]),
    metavar="ROLE",
    help="admin, artist or viewer.",
)
@option("--email", metavar="ADDRESS", help="Where to reach them; '' for nowhere.")
@option("--disable", is_flag=True, help="Let nobody in under this name any more.")
@option("--enable", is_flag=True, help="Let them in again.")
@json_option
@url_option
def command(
    name: str,
    role: str | None,
    email: str | None,
    url: str | None,
    *,
    disable: bool,
    enable: bool,
    as_json: bool,
) -> None:
    """Change what NAME may do, or shut the account without removing it."""
    if disable and enable:
        raise UsageFailure("--disable and --enable exclude each other")
    disabled = True if disable else False if enable else None
    if role is None and email is None and disabled is None:
        raise UsageFailure("say what is to be different: --role, --email, --disable or --enable")
    with open_farm(url) as farm:
        now = farm.change_user(name, role=role, email=email, disabled=disabled)
    if as_json:
        click.echo(json_text(now))
        return
    state = ", disabled" if now.disabled else ""
    click.echo(f"{now.name}: {now.role}{state}{f', {now.email}' if now.email else ''}")
