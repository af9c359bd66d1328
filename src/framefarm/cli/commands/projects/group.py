"""`framefarm projects`: the list, and the list of its commands."""

from __future__ import annotations

import click

from framefarm.cli.display.shot_list import project_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import CONTEXT, CommandPlace, LazyGroup, goes_on
from framefarm.cli.printing import print_list


def _place(name: str, text: str) -> CommandPlace:
    return CommandPlace(f"framefarm.cli.commands.projects.{name}", text, "Commands")


PLACES = {
    "add": _place("add", "Make a project."),
    "change": _place("change", "Change a status, priority or description."),
    "remove": _place("remove", "Delete a project with its shots."),
}

_NONE = "There are no projects; `framefarm projects add NAME` or `submit --project NAME` makes one."


@click.group(
    "projects",
    cls=LazyGroup,
    places=PLACES,
    short_help="List, make and change projects.",
    context_settings=CONTEXT,
    invoke_without_command=True,
)
@json_option
@url_option
@click.pass_context
def command(context: click.Context, /, url: str | None, *, as_json: bool) -> None:
    """List projects; `framefarm shots PROJECT` lists the shots of one."""
    if goes_on(context, url, as_json):
        return
    with open_farm(url) as farm:
        found = tuple(farm.projects())
    print_list(found, project_lines, none=_NONE, as_json=as_json)
