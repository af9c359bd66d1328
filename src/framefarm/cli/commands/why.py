"""`framefarm why`."""

from __future__ import annotations

import textwrap

import click

from framefarm.cli.display.held_words import when_tried
from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import json_text
from framefarm.cli.tables import text_width
from framefarm.client.views import Why, WorkerReason

_NAME = 16
_STATE = 11


@declare("why", short_help="Tell why a job is not running, or not on more.")
@job_argument
@json_option
@url_option
def command(job: int, url: str | None, *, as_json: bool) -> None:
    """Tell, worker by worker, why JOB is not running there, and what would change it."""
    with open_farm(url) as farm:
        why = farm.why(job)
    click.echo(json_text(why) if as_json else told(why, text_width()))


def told(why: Why, width: int) -> str:
    """The answer as people read it."""
    parts = [textwrap.fill(_answer(why), width)]
    if why.stages:
        parts.append("\n".join(_filled(stage, width, "  ") for stage in why.stages))
    if why.workers:
        longest = max(len(worker.worker) for worker in why.workers)
        name = min(longest, _NAME)
        parts.append("\n".join(_worker(worker, name, width) for worker in why.workers))
    return "\n\n".join(parts)


def _answer(why: Why) -> str:
    if not why.held:
        return why.answer
    at_once = f"`framefarm resume {why.job}` tries all of it at once."
    return f"{why.answer} {when_tried(why.tried_again_at)}; {at_once}"


def _worker(worker: WorkerReason, name_width: int, width: int) -> str:
    name = worker.worker
    if len(name) > name_width:
        name = name[: name_width - 1] + "…"
    head = f"  {name:<{name_width}}  {worker.state:<{_STATE}}  "
    reasons = list(worker.reasons) or [
        "works on it" if worker.working else "nothing stands in its way; it gets the next units"
    ]
    first, *others = (_filled(reason, width, " " * len(head)) for reason in reasons)
    return "\n".join([head + first.lstrip(), *others])


def _filled(text: str, width: int, indent: str) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
