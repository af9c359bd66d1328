"""`framefarm frames`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from framefarm.cli.display import words
from framefarm.cli.display.sheets import local
from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import print_list
from framefarm.cli.tables import table, text_width
from framefarm.client.views import FrameView

_STATES = ("pending", "leased", "done", "failed", "cancelled")
_HEADS = ("FRAME", "STATE", "SECONDS", "MEMORY", "WORKER", "DEVICE", "WHEN")


@declare("frames", short_help="List a job's frames: who made them, what they took.")
@job_argument
@option("--state", type=click.Choice(_STATES), metavar="STATE", help=f"{', '.join(_STATES)}.")
@option("--frames", metavar="LIST", help="Only these, such as 1-100,250.")
@option("--worker", metavar="WORKER", help="Only those that it made, failed or is at.")
@option("--limit", type=click.IntRange(1), default=100, metavar="N", help="Default: 100.")
@json_option
@url_option
def command(job: int, limit: int, url: str | None, *, as_json: bool, **wanted: str | None) -> None:
    """List the frames of JOB, also those that wait: how each is, who made it, what it took."""
    with open_farm(url) as farm:
        found = list(farm.frames(job, limit=limit, **wanted))
    print_list(found, _listed, none=f"Job {job} has no such frames.", as_json=as_json)


def _listed(frames: Sequence[FrameView]) -> str:
    return table(_HEADS, [_row(one) for one in frames], flexible=5, width=text_width())


def _row(frame: FrameView) -> tuple[str, ...]:
    return (
        str(frame.frame),
        frame.state,
        "" if frame.seconds is None else f"{frame.seconds:,.1f}",
        words.memory(frame.peak_memory_bytes) if frame.peak_memory_bytes else "",
        frame.worker or "",
        frame.device or "",
        local(frame.at, seconds=True),
    )
