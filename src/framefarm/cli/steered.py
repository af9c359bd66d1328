"""Steering jobs, and what is told of them then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from framefarm.cli.display import words as say
from framefarm.cli.failures import DONE
from framefarm.cli.farm_options import open_farm
from framefarm.cli.job_choice import chosen_jobs
from framefarm.cli.outcomes import exit_status, outcome_lines
from framefarm.cli.printing import json_text
from framefarm.client.farm import Farm
from framefarm.client.views import JobView, SteeredJob

_NAME_WIDTH = 30


def steer(
    action: str,
    chosen: dict[str, Any],
    one: Callable[[Farm, int], JobView],
    *,
    words: Callable[[JobView], str] | None = None,
    **how: Any,
) -> int:
    """Do something with the jobs that were chosen, and print what became of each.

    Args:
        action: See `Farm.steer_jobs`.
        chosen: What was typed: the choice of jobs, `url`, `as_json`.
        one: Does it with the only job that was typed; that is printed as it is then.
        words: Tells that job to people; by default its state and what is left.
        how: `now` or `priority`.

    Returns:
        The exit status: not 0 when a job refused.
    """
    as_json, url, jobs = chosen.pop("as_json"), chosen.pop("url"), chosen_jobs(chosen)
    with open_farm(url) as farm:
        if jobs.only is not None:
            view = one(farm, jobs.only)
            click.echo(json_text(view) if as_json else (words or told)(view))
            return DONE
        steered = farm.steer_jobs(action, jobs.wanted, **how)
    return tell_many(steered, as_json=as_json)


def tell_many(steered: Sequence[SteeredJob], *, as_json: bool) -> int:
    """Print what became of each of some jobs; returns the exit status."""
    if as_json:
        click.echo(json_text(steered))
    else:
        named = [(f"job {one.id}  {say.shortened(one.name, _NAME_WIDTH)}", one) for one in steered]
        lines = outcome_lines(named, "jobs")
        click.echo("\n".join(lines))
    return exit_status(steered)


def told(job: JobView) -> str:
    """Its state, and what is left to do and being done."""
    text = f"job {job.id} is {job.state}"
    stage = job.main_stage
    if stage is None or job.finished:
        return text
    word = "unit" if job.kind == "trial" else "frame"
    left = stage.total - stage.done - stage.failed
    text += f", {say.plural(left, word)} to do"
    return f"{text}, {stage.running:,} of them in work" if stage.running else text
