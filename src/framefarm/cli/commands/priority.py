"""`framefarm priority`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.steered import tell


@declare("priority", short_help="Change when a job gets its turn.")
@job_argument
@click.argument("priority", metavar="PRIORITY", type=click.IntRange(0, 100))
@option("--stage", metavar="KIND", help="Only this stage: render, movie or join.")
@json_option
@url_option
def command(job: int, priority: int, stage: str | None, url: str | None, *, as_json: bool) -> None:
    """Change when a job gets its turn: 0 to 100, the highest first.

    It holds from the next frames handed out; frames being rendered are finished.
    """
    with open_farm(url) as farm:
        view = farm.set_priority(job, priority, kind=stage)
    if as_json:
        tell(view, as_json=True)
        return
    what = f"stage {stage} of job {view.id}" if stage else f"job {view.id}"
    click.echo(f"{what} has priority {priority}")
