"""`framefarm shot show`."""

from __future__ import annotations

import click

from framefarm.cli.display.shot_list import shot_sheet
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import json_text
from framefarm.cli.shot_choice import find_shot, shot_argument


@declare("show", short_help="Show all that is known of a shot.")
@shot_argument
@json_option
@url_option
def command(shot: str, url: str | None, *, as_json: bool) -> None:
    """Show what is said of SHOT, which version each of its frames is of, and its notes."""
    with open_farm(url) as farm:
        found = find_shot(farm, shot)
        shown, notes = farm.shot_frames(found.id), tuple(farm.shot_notes(found.id))
    if as_json:
        told = {"shot": found, "shown": shown, "notes": notes}
        click.echo(json_text(told))
        return
    click.echo(shot_sheet(found, shown, notes))
