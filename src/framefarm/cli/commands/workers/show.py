"""`framefarm workers show`."""

from __future__ import annotations

import click
import msgspec

from framefarm.cli.display import words
from framefarm.cli.farm_options import json_option, open_farm, url_option, worker_argument
from framefarm.cli.groups import command as declare
from framefarm.client.worker_views import WorkerView


@declare("show", short_help="Show all that is known of a worker.")
@worker_argument
@json_option
@url_option
def command(worker: str, url: str | None, *, as_json: bool) -> None:
    """Show all that is known of WORKER, given by its name or id."""
    with open_farm(url) as farm:
        view = farm.worker(worker)
    click.echo(msgspec.json.encode(view).decode() if as_json else _shown(view))


def _shown(view: WorkerView) -> str:
    facts = (
        ("name", view.name),
        ("id", str(view.id)),
        ("state", view.state),
        ("host", view.host),
        ("system", view.system),
        ("cores", str(view.cores)),
        ("memory", words.memory(view.memory_bytes)),
        ("agent", view.agent_version),
    )
    return "\n".join(f"{name:<8}{text}" for name, text in facts)
