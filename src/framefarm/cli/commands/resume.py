"""`framefarm resume`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import job_argument, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.steered import told


@declare("resume", short_help="Go on with a paused job.")
@job_argument
@url_option
def command(job: int, url: str | None) -> None:
    """Go on with a paused job."""
    with open_farm(url) as farm:
        click.echo(told(farm.resume(job)))
