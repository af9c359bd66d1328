"""`framefarm workers show`."""

from __future__ import annotations

import click

from framefarm.cli.display.worker_sheet import worker_sheet
from framefarm.cli.farm_options import json_option, open_farm, url_option, worker_argument
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import json_text


@declare("show", short_help="Show all that is known of a worker.")
@worker_argument
@json_option
@url_option
def command(worker: str, url: str | None, *, as_json: bool) -> None:
    """Show all that is known of WORKER, given by its name or id.

    A worker that is connected is asked how it is now; it has 2 s to answer.
    """
    with open_farm(url) as farm:
        details = farm.worker(worker, live=True)
    click.echo(json_text(details) if as_json else worker_sheet(details))
