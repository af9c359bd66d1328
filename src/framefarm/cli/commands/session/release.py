"""`framefarm session release`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.job_session import named_or_all, session_of, tell


@declare("release", short_help="Give a job's workers back.")
@job_argument
@click.argument("workers", metavar="[WORKER]...", nargs=-1)
@option("--all", "every", is_flag=True, help="All of them; that ends the session.")
@json_option
@url_option
def command(
    job: int, workers: tuple[str, ...], url: str | None, *, every: bool, as_json: bool
) -> None:
    """Let WORKERs of JOB go once they have ended what they are at.

    JOB asks for nobody in their place, nor for any that it lacked.
    """
    chosen = named_or_all(workers, every=every)
    with open_farm(url) as farm:
        session = farm.release_workers(session_of(farm, job).id, chosen)
    tell(session, as_json=as_json)
