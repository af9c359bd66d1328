"""`framefarm sequences remove`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.shot_choice import find_sequence, jobs_options


@declare("remove", short_help="Delete a sequence with its shots.")
@click.argument("sequence", metavar="PROJECT/SEQUENCE")
@jobs_options
@url_option
def command(sequence: str, url: str | None, *, jobs: bool, outputs: bool) -> None:
    """Delete a sequence with its shots; refused while it has jobs."""
    with open_farm(url) as farm:
        farm.delete_sequence(find_sequence(farm, sequence).id, jobs=jobs, outputs=outputs)
    click.echo(f"sequence {sequence} is deleted")
