"""`framefarm stages`."""

from __future__ import annotations

import click

from framefarm.cli.display import words
from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import json_text
from framefarm.cli.tables import table
from framefarm.client.views import Stage

_HEADS = ("STAGE", "STATE", "DONE", "IN WORK", "PENDING", "WAITING", "FAILED", "OF", "SPENT", "END")
_ALWAYS = frozenset({"STAGE", "STATE", "DONE", "OF"})
_NUMBERS = frozenset(_HEADS[2:9])


@declare("stages", short_help="List a job's stages: how far they are, when they end.")
@job_argument
@json_option
@url_option
def command(job: int, url: str | None, *, as_json: bool) -> None:
    """List the stages of JOB: where the units of each are, the time spent on it, and its end.

    What is PENDING waits for a worker, what is WAITING for the stage before.
    """
    with open_farm(url) as farm:
        found = farm.stages(job)
    click.echo(json_text(found) if as_json else _listed(found))


def _listed(stages: tuple[Stage, ...]) -> str:
    rows = [_row(one) for one in stages]
    # With all its columns a table is wider than a page; most jobs have nothing in one or two.
    shown = [
        index
        for index, head in enumerate(_HEADS)
        if head in _ALWAYS or any(row[index] for row in rows)
    ]
    heads = [_HEADS[index] for index in shown]
    right = [place for place, head in enumerate(heads) if head in _NUMBERS]
    cells = [[row[index] for index in shown] for row in rows]
    return table(heads, cells, flexible=len(heads) - 1, right=right)


def _row(stage: Stage) -> tuple[str, ...]:
    counts = (stage.done, stage.running, stage.pending, stage.waiting, stage.failed, stage.total)
    left = stage.estimate
    return (
        stage.kind,
        stage.state,
        *(f"{count:,}" if count else "" for count in counts),
        words.duration(stage.seconds) if stage.seconds else "",
        _end(left.low_s, left.high_s) if left is not None else "",
    )


def _end(low_s: float, high_s: float) -> str:
    return f"in {words.time_left(low_s, high_s).removesuffix(' left')}"
