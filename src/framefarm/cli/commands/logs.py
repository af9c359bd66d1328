"""`framefarm logs`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import job_argument, open_farm, url_option
from framefarm.cli.groups import command as declare

_FRAMES = click.IntRange(-(1 << 31), (1 << 31) - 1)


@declare("logs", short_help="Show what Blender said.", numbers=True)
@job_argument
@click.argument("frame", metavar="[FRAME]", type=_FRAMES, required=False)
@url_option
def command(job: int, frame: int | None, url: str | None) -> None:
    """Show what Blender said while it rendered a frame.

    Without FRAME: every failed attempt of the job, its reason and the end of its log.
    """
    with open_farm(url) as farm:
        text = farm.job_log(job) if frame is None else farm.frame_log(job, frame)
    if text.strip():
        click.echo(text.rstrip("\n"))
    else:
        what = f"job {job}" if frame is None else f"frame {frame} of job {job}"
        click.echo(f"nothing is kept of {what}; nothing failed there", err=True)
