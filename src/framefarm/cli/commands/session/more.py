"""`framefarm session more`."""

from __future__ import annotations

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.job_session import number_argument, session_of, tell


@declare("more", short_help="Ask for more workers for a job.")
@job_argument
@number_argument
@json_option
@url_option
def command(job: int, workers: int, url: str | None, *, as_json: bool) -> None:
    """Ask for N workers more for JOB, which has asked for some; also while it runs."""
    with open_farm(url) as farm:
        session = farm.ask_for_more_workers(session_of(farm, job).id, workers)
    tell(session, as_json=as_json)
