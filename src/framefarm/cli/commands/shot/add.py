"""`framefarm shot add`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.job_options import check_frames
from framefarm.cli.printing import json_text
from framefarm.cli.shot_choice import parts_of, shot_argument


@declare("add", short_help="Make a shot.")
@shot_argument
@option(
    "--frames",
    callback=check_frames,
    metavar="LIST",
    help="Its range, which its jobs render. Default: what the file says.",
)
@option(
    "--priority", type=click.IntRange(0, 100), metavar="0-100", help="Of its jobs that say none."
)
@option("--description", default="", metavar="TEXT", help="For people.")
@json_option
@url_option
def command(
    shot: str,
    frames: str | None,
    priority: int | None,
    description: str,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Make SHOT, with its project and sequence where those are not there.

    Submitting a job for a shot that is not there makes it as well.
    """
    project, sequence, name = parts_of(shot)
    with open_farm(url) as farm:
        made = farm.add_shot(
            project,
            name,
            sequence=sequence,
            frames=frames,
            priority=priority,
            description=description,
        )
    click.echo(json_text(made) if as_json else f"shot {made.path} is made")
