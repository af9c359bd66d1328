"""`framefarm session prefetch`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.job_session import named_or_all, session_of, tell


@declare("prefetch", short_help="Send a job's files to its workers ahead.")
@job_argument
@click.argument("workers", metavar="[WORKER]...", nargs=-1)
@option("--all", "every", is_flag=True, help="To all of them, and to those that join later.")
@json_option
@url_option
def command(
    job: int, workers: tuple[str, ...], url: str | None, *, every: bool, as_json: bool
) -> None:
    """Send the files of JOB to its WORKERs now, so that their first frame begins at once.

    Who joins a session gets them anyway, unless it was asked for without. Once a worker has them,
    `framefarm session show` and `framefarm events` say so.
    """
    chosen = named_or_all(workers, every=every)
    with open_farm(url) as farm:
        session = farm.prefetch(session_of(farm, job).id, chosen)
    tell(session, as_json=as_json)
