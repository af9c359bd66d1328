"""`framefarm workers revoke`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import json_option, open_farm, url_option, worker_argument
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import json_text


@declare("revoke", short_help="Shut a worker out: its key counts no more.")
@worker_argument
@json_option
@url_option
def command(worker: str, url: str | None, *, as_json: bool) -> None:
    """Shut WORKER out at once, given by its name or id: its key counts no more.

    What it was working on goes to others; what it has handed in stays. Its machine can come back
    only with a new join token, as a new worker.
    """
    with open_farm(url) as farm:
        told = farm.revoke(worker)
    if as_json:
        click.echo(json_text(told))
        return
    done = "is revoked" if told.new else "had been revoked before"
    click.echo(f"worker {told.name} {done}")
