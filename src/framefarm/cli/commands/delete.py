"""`framefarm delete`."""

from __future__ import annotations

import sys

import click

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text
from framefarm.client.views import JobView


@declare("delete", short_help="Forget a job.")
@job_argument
@option("--outputs", is_flag=True, help="Also remove its files from the manager's outputs.")
@option("--yes", is_flag=True, help="Do not ask.")
@json_option
@url_option
def command(job: int, url: str | None, *, outputs: bool, yes: bool, as_json: bool) -> None:
    """Forget a job: what is being rendered of it stops, and nothing of it is listed any more.

    Its files in the manager's outputs folder stay, unless --outputs.
    """
    with open_farm(url) as farm:
        if not yes:
            _confirm(farm.job(job), outputs=outputs)
        farm.delete(job, outputs=outputs)
    if as_json:
        click.echo(json_text({"id": job, "deleted": True, "outputs_deleted": outputs}))
    else:
        click.echo(f"job {job} is deleted")


def _confirm(job: JobView, *, outputs: bool) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("say --yes where nobody can be asked")
    what = "and its files " if outputs else ""
    click.confirm(f"Delete job {job.id} ({job.name}) {what}for good?", abort=True)
