"""`framefarm session show`."""

from __future__ import annotations

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.job_session import session_of, tell


@declare("show", short_help="Show the workers that a job has.")
@job_argument
@json_option
@url_option
def command(job: int, url: str | None, *, as_json: bool) -> None:
    """Show the workers that JOB asked for, and what each of them does."""
    with open_farm(url) as farm:
        session = session_of(farm, job)
    tell(session, as_json=as_json)
