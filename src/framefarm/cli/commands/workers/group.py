"""`framefarm workers`: the list, and the list of its commands."""

from __future__ import annotations

import click
import msgspec

from framefarm.cli.display import words
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import CONTEXT, CommandPlace, LazyGroup
from framefarm.cli.tables import table
from framefarm.client.worker_views import WorkerView


def _place(name: str, text: str, section: str) -> CommandPlace:
    return CommandPlace(f"framefarm.cli.commands.workers.{name}", text, section)


_LOOK = "Looking"
_ADMIT = "Letting in and shutting out"

PLACES = {
    "show": _place("show", "Show all that is known of a worker.", _LOOK),
    "invite": _place("invite", "Make a join token for new workers.", _ADMIT),
    "revoke": _place("revoke", "Shut a worker out: its key counts no more.", _ADMIT),
}


@click.group(
    "workers",
    cls=LazyGroup,
    places=PLACES,
    short_help="List, show and steer workers.",
    context_settings=CONTEXT,
    invoke_without_command=True,
)
@json_option
@url_option
@click.pass_context
def command(context: click.Context, url: str | None, *, as_json: bool) -> None:
    """List the workers that ever joined, and what they are doing."""
    if context.invoked_subcommand is not None:
        return
    with open_farm(url) as farm:
        workers = tuple(farm.workers())
    if as_json:
        click.echo(msgspec.json.encode(workers).decode())
    elif workers:
        click.echo(_listed(workers))
    else:
        click.echo("No worker has joined; start one here with: framefarm worker", err=True)


def _listed(workers: tuple[WorkerView, ...]) -> str:
    rows = [
        (
            worker.name,
            worker.state,
            str(worker.cores or ""),
            words.memory(worker.memory_bytes) if worker.memory_bytes else "",
            ", ".join(_work(worker)),
        )
        for worker in workers
    ]
    return table(("WORKER", "STATE", "CORES", "MEMORY", "WORKS ON"), rows, flexible=4, right=(2, 3))


def _work(worker: WorkerView) -> list[str]:
    return [
        f"job {work.job} {'frames' if work.kind == 'render' else work.kind} {work.units}"
        for work in worker.work
    ]
