"""`framefarm sequences`: the list, and the list of its commands."""

from __future__ import annotations

import click

from framefarm.cli.display.shot_list import sequence_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import CONTEXT, CommandPlace, LazyGroup, goes_on, option
from framefarm.cli.printing import print_list


def _place(name: str, text: str) -> CommandPlace:
    return CommandPlace(f"framefarm.cli.commands.sequences.{name}", text, "Commands")


PLACES = {
    "add": _place("add", "Make a sequence."),
    "change": _place("change", "Change a status, priority or description."),
    "remove": _place("remove", "Delete a sequence with its shots."),
}

_NONE = "There are no sequences; `framefarm sequences add PROJECT/NAME` makes one."


@click.group(
    "sequences",
    cls=LazyGroup,
    places=PLACES,
    short_help="List, make and change sequences.",
    context_settings=CONTEXT,
    invoke_without_command=True,
)
@option("--project", metavar="NAME", help="Only those of this project.")
@json_option
@url_option
@click.pass_context
def command(
    context: click.Context, /, project: str | None, url: str | None, *, as_json: bool
) -> None:
    """List sequences; they are written PROJECT/SEQUENCE."""
    if goes_on(context, url, as_json, project):
        return
    with open_farm(url) as farm:
        found = tuple(farm.sequences(project=project))
    print_list(found, sequence_lines, none=_NONE, as_json=as_json)
