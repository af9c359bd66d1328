"""`framefarm users`: the list, and the list of its commands."""

from __future__ import annotations

import click

from framefarm.cli.display.user_list import user_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import CONTEXT, CommandPlace, LazyGroup, goes_on
from framefarm.cli.printing import json_text


def _place(name: str, text: str, section: str) -> CommandPlace:
    return CommandPlace(f"framefarm.cli.commands.users.{name}", text, section)


_PEOPLE = "People"
_TOKENS = "What their programs show"

PLACES = {
    "add": _place("add", "Add a person.", _PEOPLE),
    "change": _place("change", "Change a role or address, or disable.", _PEOPLE),
    "quota": _place("quota", "Show or change what a person may take.", _PEOPLE),
    "remove": _place("remove", "Remove a person; jobs stay.", _PEOPLE),
    "password": _place("password", "Set a password, or change one's own.", _PEOPLE),
    "logins": _place("logins", "List in which browsers one is logged in.", _PEOPLE),
    "token": _place("token", "Make a token for a person.", _TOKENS),
    "untoken": _place("untoken", "Take a token away.", _TOKENS),
}


@click.group(
    "users",
    cls=LazyGroup,
    places=PLACES,
    short_help="Let people in from other machines.",
    context_settings=CONTEXT,
    invoke_without_command=True,
)
@json_option
@url_option
@click.pass_context
def command(context: click.Context, /, url: str | None, *, as_json: bool) -> None:
    """List the people who may ask this farm from other machines.

    On the manager's own machine nobody needs an account.
    """
    if goes_on(context, url, as_json):
        return
    with open_farm(url) as farm:
        found = list(farm.users())
    if as_json:
        click.echo(json_text(found))
        return
    for line in user_lines(found):
        click.echo(line)
