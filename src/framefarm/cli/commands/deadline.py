"""`framefarm deadline`."""

from __future__ import annotations

import click

from framefarm.cli.deadlines import read_deadline
from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import json_text


@declare("deadline", short_help="Change when a job is to be done.")
@job_argument
@click.argument("when", metavar="WHEN|none", callback=read_deadline)
@json_option
@url_option
def command(job: int, when: str | None, url: str | None, *, as_json: bool) -> None:
    """Say when JOB is to be done: 2026-12-01T18:00, 18:00, +4h, +90min, or none.

    A job that would be late by the estimate goes before others of its priority.
    """
    with open_farm(url) as farm:
        view = farm.set_deadline(job, when)
    if as_json:
        click.echo(json_text(view))
    elif when is None:
        click.echo(f"job {view.id} has no deadline")
    else:
        click.echo(f"job {view.id} is to be done by {when[:16].replace('T', ' ')}")
