"""What is told of a job after it was steered."""

from __future__ import annotations

import click

from framefarm.cli.display import words
from framefarm.cli.printing import json_text
from framefarm.client.views import JobView


def tell(job: JobView, *, as_json: bool) -> None:
    """Print a job as it is now: in words, or all of it for a program."""
    click.echo(json_text(job) if as_json else told(job))


def told(job: JobView) -> str:
    """Its state, and what is left to do and being done."""
    text = f"job {job.id} is {job.state}"
    stage = job.main_stage
    if stage is None or job.finished:
        return text
    word = "unit" if job.kind == "trial" else "frame"
    left = stage.total - stage.done - stage.failed
    text += f", {words.plural(left, word)} to do"
    return f"{text}, {stage.running:,} of them in work" if stage.running else text
