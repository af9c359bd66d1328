"""`framefarm shot note`."""

from __future__ import annotations

import click

from framefarm.cli.display.shot_list import note_lines
from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text
from framefarm.cli.shot_choice import find_shot, shot_argument
from framefarm.client.farm import Farm
from framefarm.client.shot_views import NoteView

_NUMBER = click.IntRange(1, 10**12)


@declare("note", short_help="Read, write, change and delete notes.")
@shot_argument
@click.argument("text", metavar="[TEXT]", required=False)
@option("--edit", type=_NUMBER, metavar="NUMBER", help="Write TEXT in this note of yours.")
@option("--delete", type=_NUMBER, metavar="NUMBER", help="Delete this note of yours.")
@json_option
@url_option
def command(
    shot: str,
    text: str | None,
    edit: int | None,
    delete: int | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Write TEXT about SHOT; without TEXT list what was written."""
    if delete is not None and (text is not None or edit is not None):
        raise UsageFailure("--delete takes neither a text nor --edit")
    if edit is not None and text is None:
        raise UsageFailure("say what is to be in the note")
    with open_farm(url) as farm:
        found = find_shot(farm, shot).id
        if delete is not None:
            farm.delete_shot_note(found, delete)
            notes: list[NoteView] = []
        else:
            notes = _asked(farm, found, text, edit)
    if as_json:
        click.echo(json_text(notes))
        return
    for line in note_lines(notes):
        click.echo(line)
    if delete is not None:
        click.echo(f"note {delete} is deleted")
    elif not notes:
        click.echo(f"Nobody wrote about {shot} yet.", err=True)


def _asked(farm: Farm, shot: int, text: str | None, edit: int | None) -> list[NoteView]:
    if text is None:
        return list(farm.shot_notes(shot))
    if edit is not None:
        return [farm.change_shot_note(shot, edit, text)]
    return [farm.add_shot_note(shot, text)]
