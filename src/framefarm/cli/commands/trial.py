"""`framefarm trial`."""

from __future__ import annotations

from typing import Any

import click

from framefarm.cli.farm_options import open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.job_options import check_frames
from framefarm.cli.worker_wishes import take_wishes, worker_wishes


@declare("trial", short_help="Try the farm's plumbing without Blender.")
@option("--units", callback=check_frames, default="1-100", metavar="LIST", help="Default: 1-100.")
@option(
    "--seconds",
    type=click.FloatRange(0, 3600),
    default=0.2,
    metavar="S",
    help="How long each unit takes. Default: 0.2.",
)
@option(
    "--image-bytes",
    type=click.IntRange(0, 100_000_000),
    default=0,
    metavar="N",
    help="Size of the image that each unit sends. Default: 0, none.",
)
@option(
    "--priority",
    type=click.IntRange(0, 100),
    metavar="0-100",
    help="Higher ones go first. Default: 50.",
)
@worker_wishes
@option("--no-watch", "watch", is_flag=True, flag_value=False, default=True, help="Do not wait.")
@option("--json", "json_lines", is_flag=True, help="Print one JSON object per event.")
@url_option
def command(**values: Any) -> int:
    """Run a job whose units only wait and send an image of noise.

    It shows whether manager and workers reach each other, and how fast.
    """
    from framefarm.cli.watching import tell_submitted, watch_job  # noqa: PLC0415  not for --help
    from framefarm.client.submissions import Submission, TrialRequest  # noqa: PLC0415

    requires, owner = take_wishes(values)
    settings = TrialRequest(values["units"], values["seconds"], values["image_bytes"])
    with open_farm(values["url"]) as farm:
        job = farm.submit(
            Submission(
                kind="trial",
                settings=settings,
                name="trial",
                priority=values["priority"],
                owner=owner,
                max_workers=values["max_workers"],
                deadline=values["deadline"],
                requires=requires,
            )
        )
        if values["watch"]:
            return watch_job(farm, job, json_lines=values["json_lines"])
        tell_submitted(farm, job, json_lines=values["json_lines"], url=values["url"])
    return 0
