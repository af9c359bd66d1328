"""`framefarm users add`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text
from framefarm.cli.secrets_asked import ask_new_password
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
@option("--password", "with_password", is_flag=True, help="Ask for a password to log in with.")
@json_option
@url_option
def command(
    name: str, role: str, email: str, url: str | None, *, with_password: bool, as_json: bool
) -> None:
    """Add a person called NAME.

    With a password they log in by `framefarm login`; `framefarm users token NAME` lets their
    programs in without one.
    """
    password = ask_new_password(f"Password of {name}") if with_password else None
    with open_farm(url) as farm:
        made = farm.add_user(name, role=role, email=email, password=password)
    if as_json:
        click.echo(json_text(made))
        return
    then = "framefarm login URL" if with_password else f"framefarm users token {made.name}"
    where = "on their machine" if with_password else "next"
    click.echo(f"{made.name} is {_a(made.role)}; {where}: {then}")


def _a(role: str) -> str:
    return f"a {role}" if role == UserRole.VIEWER else f"an {role}"
