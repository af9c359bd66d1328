"""`framefarm workers`."""

from __future__ import annotations

import click
import msgspec

from framefarm.cli.display import words
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.tables import table
from framefarm.client.views import WorkerView


@declare("workers", short_help="List workers and what they do.")
@json_option
@url_option
def command(url: str | None, *, as_json: bool) -> None:
    """List the workers that ever joined, and what they are doing."""
    with open_farm(url) as farm:
        workers = farm.workers()
    if as_json:
        click.echo(msgspec.json.encode(workers).decode())
    elif workers:
        click.echo(_listed(workers))
    else:
        click.echo("No worker has joined; start one with: framefarm worker", err=True)


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
