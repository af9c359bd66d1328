"""`framefarm limit`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import json_text
from framefarm.cli.slot_counts import slots_or_none
from framefarm.core.listing import plural


@declare("limit", short_help="Change how many workers a job may have.")
@job_argument
@click.argument("most", metavar="N|none", callback=slots_or_none)
@json_option
@url_option
def command(job: int, most: int | str, url: str | None, *, as_json: bool) -> None:
    """Let at most N slots work on JOB at a time, or any number of them.

    It holds from the next frames handed out; frames being rendered are finished.
    """
    max_workers = None if isinstance(most, str) else most
    with open_farm(url) as farm:
        view = farm.limit(job, max_workers)
    if as_json:
        click.echo(json_text(view))
        return
    many = (
        "any number of slots" if max_workers is None else f"at most {plural(max_workers, 'slot')}"
    )
    click.echo(f"job {view.id} may have {many} at a time")
