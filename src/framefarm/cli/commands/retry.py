"""`framefarm retry`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import job_argument, open_farm, url_option
from framefarm.cli.groups import command as declare


@declare("retry", short_help="Try a job's failed and cancelled units again.")
@job_argument
@url_option
def command(job: int, url: str | None) -> None:
    """Put a job's failed and cancelled units back to work."""
    with open_farm(url) as farm:
        view = farm.retry(job)
    click.echo(f"job {view.id} is {view.state}")
