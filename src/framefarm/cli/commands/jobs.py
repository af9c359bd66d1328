"""`framefarm jobs`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from framefarm.cli.display import words
from framefarm.cli.display.held_words import is_held, when_tried
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text
from framefarm.cli.tables import table, text_width
from framefarm.client.views import JobView

_STATES = ("queued", "running", "paused", "done", "failed", "cancelled")
_STATE_HELP = f"Only those in this state: {', '.join(_STATES)}."


@declare("jobs", short_help="List jobs.")
@option("--state", type=click.Choice(_STATES), metavar="STATE", help=_STATE_HELP)
@option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=20,
    metavar="N",
    help="How many at most. Default: 20.",
)
@json_option
@url_option
def command(state: str | None, limit: int, url: str | None, *, as_json: bool) -> None:
    """List jobs, the newest first."""
    with open_farm(url) as farm:
        jobs = list(farm.jobs(state=state, limit=limit))
    if as_json:
        click.echo(json_text(jobs))
    elif jobs:
        click.echo(_listed(jobs))
        for line in _failures(jobs):
            click.echo(line)
    elif state is not None:
        click.echo(f"No job is {state}; framefarm jobs lists all.", err=True)
    else:
        click.echo("There are no jobs; submit one with: framefarm submit FILE.blend", err=True)


def _listed(jobs: list[JobView]) -> str:
    heads = ("JOB", "STATE", "DONE", "FAILED", "OF", "NAME", "TIME")
    rows = [
        (
            str(job.id),
            f"{job.state}, late" if job.late else job.state,
            f"{stage.done:,}" if (stage := job.main_stage) else "",
            f"{failed:,}" if (failed := sum(one.failed for one in job.stages)) else "",
            f"{stage.total:,}" if stage else "",
            "/".join(part for part in (job.place, _version(job), job.name) if part),
            _time(job),
        )
        for job in jobs
    ]
    return table(heads, rows, flexible=5, right=(0, 2, 3, 4))


def _version(job: JobView) -> str:
    return f"v{job.version}" if job.version else ""


def _failures(jobs: list[JobView]) -> list[str]:
    """Why each job failed or is held, in a line, and where to read more."""
    failed = [job for job in jobs if job.state in {"failed", "paused"} and job.message]
    if not failed:
        return []
    lines = [_cut(f"job {job.id}: {_why(job)}", text_width()) for job in failed]
    return [
        "",
        *lines,
        f"more: framefarm logs {failed[0].id}   {_again(failed[0])}",
    ]


def _why(job: JobView) -> str:
    # When it goes on comes first: the line is cut at its end.
    return f"{when_tried(job.tried_again_at)}. {job.message}" if is_held(job) else job.message or ""


def _again(job: JobView) -> str:
    if is_held(job):
        return f"at once: framefarm resume {job.id}"
    return f"again: framefarm retry {job.id}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _time(job: JobView) -> str:
    if job.estimate is not None and not job.finished:
        return words.time_left(job.estimate.low_s, job.estimate.high_s)
    if job.started_at is None:
        return ""
    ended = job.finished_at or datetime.now(UTC)
    return words.duration((ended - job.started_at).total_seconds())
