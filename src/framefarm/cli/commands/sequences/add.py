"""`framefarm sequences add`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text
from framefarm.cli.shot_choice import sequence_parts


@declare("add", short_help="Make a sequence.")
@click.argument("sequence", metavar="PROJECT/SEQUENCE")
@option(
    "--priority", type=click.IntRange(0, 100), metavar="0-100", help="Of its jobs that say none."
)
@option("--description", default="", metavar="TEXT", help="For people.")
@json_option
@url_option
def command(
    sequence: str, priority: int | None, description: str, url: str | None, *, as_json: bool
) -> None:
    """Make a sequence, and its project where that is not there.

    Submitting a job for a sequence that is not there makes it as well.
    """
    project, name = sequence_parts(sequence)
    with open_farm(url) as farm:
        made = farm.add_sequence(project, name, priority=priority, description=description)
    click.echo(json_text(made) if as_json else f"sequence {made.path} is made")
