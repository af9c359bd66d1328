"""`framefarm submit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from framefarm.cli.farm_options import open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.job_options import (
    JobOptions,
    blend_argument,
    blend_name,
    job_options,
    take_job_options,
)
from framefarm.cli.worker_wishes import take_wishes, worker_wishes
from framefarm.client.farm import Farm
from framefarm.client.submissions import BlendRef
from framefarm.client.views import JobView

_JOB = "The job"


@declare("submit", short_help="Hand a .blend, or a .zip of a project, to the manager.")
@blend_argument
@option(
    "--blend", metavar="PATH", section=_JOB, help="Which .blend of a .zip; default: the only one."
)
@option("--name", metavar="TEXT", section=_JOB, help="Default: the file's name.")
@option("--project", metavar="TEXT", section=_JOB, help="The production it belongs to.")
@option("--sequence", metavar="TEXT", section=_JOB, help="The sequence its shot is in, if any.")
@option("--shot", metavar="TEXT", section=_JOB, help="The shot it is the next version of.")
@option(
    "--priority",
    type=click.IntRange(0, 100),
    metavar="0-100",
    section=_JOB,
    help="Higher ones go first. Default: the shot's, else 50.",
)
@job_options
@worker_wishes
@option("--watch", is_flag=True, help="Follow it until it ends.")
@option("--json", "json_lines", is_flag=True, help="Print one JSON object per event.")
@url_option
def command(**values: Any) -> int:
    """Hand FILE.blend, with all that it links, to the manager, whose workers render it.

    FILE may also be a .zip with a .blend and what it links.
    """
    from framefarm.cli.embedded.reading import check_is_file  # noqa: PLC0415  not for --help

    options = take_job_options(values)
    path: Path = values["file"]
    check_is_file(path)
    with open_farm(values["url"]) as farm:
        job = _submit(farm, path, options, values)
        return _tell(farm, job, values)


def _submit(farm: Farm, path: Path, options: JobOptions, values: dict[str, Any]) -> JobView:
    from framefarm.client.submissions import Submission  # noqa: PLC0415  not for --help

    # Asked first: reading and hashing a large file for a manager that is not there is no service.
    farm.health()
    requires, owner = take_wishes(values)
    blend = _hand_over(farm, path, options, values)
    return farm.submit(
        Submission(
            kind="render",
            settings=options.request(),
            blend=blend,
            name=values["name"] or blend_name(Path(blend.name)),
            project=values["project"],
            sequence=values["sequence"],
            shot=values["shot"],
            priority=values["priority"],
            owner=owner,
            max_workers=values["max_workers"],
            deadline=values["deadline"],
            requires=requires,
        )
    )


def _hand_over(farm: Farm, path: Path, options: JobOptions, values: dict[str, Any]) -> BlendRef:
    from framefarm.blender.unzipping import is_zip  # noqa: PLC0415  not for --help
    from framefarm.cli.embedded.reading import read_for_farm  # noqa: PLC0415
    from framefarm.cli.failures import UsageFailure  # noqa: PLC0415
    from framefarm.cli.handing_over import hand_over, hand_over_zip  # noqa: PLC0415

    wanted, tell = values["blend"] or "", not values["json_lines"]
    if is_zip(path):
        return hand_over_zip(farm, path, wanted=wanted, strict=options.strict, tell=tell)
    if wanted:
        raise UsageFailure(f"--blend is for a .zip; {path} is none")
    read = read_for_farm(path, strict=options.strict, near_by=True)
    return hand_over(farm, read, tell=tell)


def _tell(farm: Farm, job: JobView, values: dict[str, Any]) -> int:
    from framefarm.cli.watching import tell_submitted, watch_job  # noqa: PLC0415  not for --help

    if values["watch"]:
        return watch_job(farm, job, json_lines=values["json_lines"])
    tell_submitted(farm, job, json_lines=values["json_lines"], url=values["url"])
    return 0
