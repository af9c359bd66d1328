"""`framefarm watch`."""

from __future__ import annotations

from framefarm.cli.farm_options import job_argument, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option


@declare("watch", short_help="Follow a job until it ends.")
@job_argument
@option("--json", "json_lines", is_flag=True, help="Print one JSON object per event.")
@url_option
def command(job: int, url: str | None, *, json_lines: bool) -> int:
    """Follow a job until it ends. Ctrl-C leaves it running."""
    from framefarm.cli.watching import watch_job  # noqa: PLC0415  --help needs none of it

    with open_farm(url) as farm:
        return watch_job(farm, farm.job(job), json_lines=json_lines)
