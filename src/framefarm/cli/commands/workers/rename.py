"""`framefarm workers rename`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import json_option, open_farm, url_option, worker_argument
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import json_text


@declare("rename", short_help="Give a worker another name.")
@worker_argument
@click.argument("name", metavar="NAME")
@json_option
@url_option
def command(worker: str, name: str, url: str | None, *, as_json: bool) -> None:
    """Give WORKER the name NAME. It counts above the name that the worker says itself."""
    with open_farm(url) as farm:
        view = farm.rename_worker(worker, name)
    if as_json:
        click.echo(json_text(view))
    else:
        click.echo(f"{worker} is called {view.name} now")
