"""`framefarm jobs`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from framefarm.cli.display import words
from framefarm.cli.display.held_words import is_held, when_tried
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.job_choice import job_filter, job_filter_options
from framefarm.cli.printing import print_list
from framefarm.cli.tables import table, text_width
from framefarm.client.views import JobView

_NONE = "There are no jobs; submit one with: framefarm submit FILE.blend"
_NONE_SUCH = "No job is like that; framefarm jobs lists all."


@declare("jobs", short_help="List jobs.")
@job_filter_options
@option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=20,
    metavar="N",
    help="How many at most. Default: 20.",
)
@json_option
@url_option
def command(limit: int, url: str | None, *, as_json: bool, **chosen: Any) -> None:
    """List jobs, the newest first; those that match everything given."""
    where = job_filter(chosen)
    with open_farm(url) as farm:
        jobs = list(farm.jobs(where, limit=limit))
    none = _NONE_SUCH if where.given else _NONE
    print_list(jobs, _listed, none=none, as_json=as_json)


def _listed(jobs: Sequence[JobView]) -> str:
    return "\n".join([_rows(jobs), *_failures(jobs)])


def _rows(jobs: Sequence[JobView]) -> str:
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


def _failures(jobs: Sequence[JobView]) -> list[str]:
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
