"""`framefarm session ask`."""

from __future__ import annotations

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.job_session import number_argument, tell


@declare("ask", short_help="Ask for workers for a job.")
@job_argument
@number_argument
@option("--wait", is_flag=True, help="Give out nothing of JOB before it has all of them.")
@json_option
@url_option
def command(job: int, workers: int, url: str | None, *, wait: bool, as_json: bool) -> None:
    """Ask for N workers of its own for JOB.

    It begins with those that can come at once, and others join as they come or are freed.
    """
    with open_farm(url) as farm:
        session = farm.ask_for_workers(job, workers, wait=wait)
    tell(session, as_json=as_json)
