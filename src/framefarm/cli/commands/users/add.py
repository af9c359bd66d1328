"""`framefarm users add`."""

from __future__ import annotations

import click
import msgspec

from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.core.accounts import UserRole


@declare("add", short_help="Add a person.")
@click.argument("name", metavar="NAME")
@option(
    "--role",
    type=click.Choice([role.value for role in UserRole]),
    default=UserRole.ARTIST.value,
    metavar="ROLE",
    help="admin, artist (own jobs) or viewer. Default: artist.",
)
@option("--email", default="", metavar="ADDRESS", help="Where to reach them.")
@json_option
@url_option
def command(name: str, role: str, email: str, url: str | None, *, as_json: bool) -> None:
    """Add a person called NAME. `framefarm users token NAME` then lets their programs in."""
    with open_farm(url) as farm:
        made = farm.add_user(name, role=role, email=email)
    if as_json:
        click.echo(msgspec.json.encode(made).decode())
        return
    click.echo(f"{made.name} is {_a(made.role)}; next: framefarm users token {made.name}")


def _a(role: str) -> str:
    return f"a {role}" if role == UserRole.VIEWER else f"an {role}"
