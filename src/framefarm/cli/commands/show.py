"""`framefarm show`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import json_text


@declare("show", short_help="Show all that is known of a job.")
@job_argument
@json_option
@url_option
def command(job: int, url: str | None, *, as_json: bool) -> None:
    """Show all that is known of JOB as it is now.

    Its state and what is left, who works on which frame, what failed and why, the files it made,
    how long it took and will take, and what it asked for.
    """
    from framefarm.cli.display.job_sheet import job_sheet  # noqa: PLC0415  --help needs none of it
    from framefarm.cli.job_facts import facts_of  # noqa: PLC0415

    with open_farm(url) as farm:
        facts = facts_of(farm, job)
    click.echo(json_text(facts) if as_json else job_sheet(facts))
