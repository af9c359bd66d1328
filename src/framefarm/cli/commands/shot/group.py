"""`framefarm shot` and the list of its commands."""

from __future__ import annotations

import click

from framefarm.cli.groups import CONTEXT, CommandPlace, LazyGroup


def _place(name: str, text: str, section: str) -> CommandPlace:
    return CommandPlace(f"framefarm.cli.commands.shot.{name}", text, section)


_LOOK = "Looking"
_SAY = "Saying"

PLACES = {
    "show": _place("show", "Show all that is known of a shot.", _LOOK),
    "versions": _place("versions", "List a shot's versions.", _LOOK),
    "fetch": _place("fetch", "Bring a shot's frames and movie here.", _LOOK),
    "add": _place("add", "Make a shot.", _SAY),
    "set": _place("set", "Change a status, range or priority.", _SAY),
    "note": _place("note", "Read, write, change and delete notes.", _SAY),
    "remove": _place("remove", "Delete a shot.", _SAY),
}


@click.group(
    "shot",
    cls=LazyGroup,
    places=PLACES,
    short_help="Show, change, annotate and fetch a shot.",
    context_settings=CONTEXT,
)
def command() -> None:
    """Show, change, annotate and fetch a shot.

    It is written PROJECT/SEQUENCE/SHOT, or PROJECT/SHOT where it is in no sequence, as `framefarm
    shots` lists it. Each job that names it is its next version; each of its frames is of the newest
    finished version that has it.
    """
