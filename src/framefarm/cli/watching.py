"""Following a job on a manager, for `watch`, `submit --watch` and `trial`."""

from __future__ import annotations

import queue
import sys
import time
from dataclasses import replace
from functools import partial

import click

from framefarm.cli.display import words
from framefarm.cli.display.displays import Display, Heading, choose_display
from framefarm.cli.display.held_words import going_on, is_held
from framefarm.cli.display.summary import as_it_went
from framefarm.cli.failures import DONE, INTERRUPTED, UNITS_FAILED, JobHeldError
from framefarm.cli.following import Feed, Follower, feed_events, find_untold, summarize
from framefarm.cli.interruptions import Interrupted, Interruptions
from framefarm.cli.standstill import Lookout, standstill
from framefarm.client.farm import Farm
from framefarm.client.views import JobView


def watch_job(farm: Farm, job: JobView, *, json_lines: bool) -> int:
    """Show a job until it ends; returns the exit status.

    Raises:
        ClientError: The manager went away for too long.
        JobHeldError: All that was tried of it failed alike, and nothing of it is in work.
    """
    feed: Feed = queue.SimpleQueue()
    began = time.monotonic()
    display = choose_display(Heading(f"job {job.id}, {job.name}"), json_lines=json_lines)
    try:
        with Interruptions(feed):
            feed_events(farm, job.id, feed)
            ending = _follower(farm, job, feed, display).follow()
        if isinstance(ending, Interrupted):
            display.close()
            click.echo(f"framefarm: job {job.id} goes on without being watched", err=True)
            return INTERRUPTED
        summary = summarize(farm, job, wall_s=time.monotonic() - began, output="")
        if job.finished:
            summary = as_it_went(summary)
        code = DONE if summary.job.state == "done" and not summary.failed else UNITS_FAILED
        again = f"; try again: framefarm retry {job.id}" if summary.failed else ""
        hint = f"framefarm logs {job.id}{again}" if code else ""
        display.summary(replace(summary, output=_where(summary.job), log_hint=hint), code)
        return code
    finally:
        display.close()


def _follower(farm: Farm, job: JobView, feed: Feed, display: Display) -> Follower:
    def look() -> None:
        known = follower.board.job or job
        end_if_held(known)
        lookout.look(known, in_work=bool(follower.board.work))

    find = partial(find_untold, farm, job)
    follower = Follower(feed, display, on_tick=look, find_untold=find)
    lookout = Lookout(farm, follower.warn_once)
    return follower


def end_if_held(job: JobView) -> None:
    """Who waits for a job, a script at night, hears that nothing comes of it for now."""
    if is_held(job) and not any(stage.running for stage in job.stages):
        raise JobHeldError(
            f"job {job.id} is paused. {job.message} The farm goes on trying. {going_on(job)} "
            f"What Blender said: framefarm logs {job.id}"
        )


def tell_submitted(farm: Farm, job: JobView, *, json_lines: bool, url: str | None) -> None:
    """Say that a job was taken, and what can be done with it at the address that was typed."""
    there = f" --url {url}" if url else ""
    waits = standstill(farm, job, there=there)
    if json_lines:
        from framefarm.cli.display.board import Board  # noqa: PLC0415  not needed otherwise
        from framefarm.cli.display.json_lines import JsonLines  # noqa: PLC0415
        from framefarm.client.events import JobEvent  # noqa: PLC0415

        JsonLines(sys.stdout, Heading(job.name)).event(JobEvent(job), Board())
        if waits:  # beside the one object that programs read
            click.echo(f"framefarm: warning: {waits}", err=True)
        return
    stage = job.main_stage
    what = words.plural(stage.total, "unit" if job.kind == "trial" else "frame") if stage else ""
    version = f", version {job.version} of {job.place}" if job.version else ""
    click.echo(f"job {job.id}: {job.name}, {what}{version}")
    for warning in (*job.warnings, *((waits,) if waits else ())):
        click.echo(f"framefarm: warning: {warning}", err=True)
    click.echo(f"follow it with: framefarm watch {job.id}{there}")


def _where(job: JobView) -> str:
    """Where the manager keeps the files, as it told."""
    if job.kind == "trial" or not job.outputs_dir:
        return ""
    return job.outputs_dir
