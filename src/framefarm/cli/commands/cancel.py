"""`framefarm cancel`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import job_argument, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.steered import told


@declare("cancel", short_help="Stop a job; what is finished stays.")
@job_argument
@url_option
def command(job: int, url: str | None) -> None:
    """Stop a job. Frames that are finished stay and can be fetched."""
    with open_farm(url) as farm:
        click.echo(told(farm.cancel(job)))
